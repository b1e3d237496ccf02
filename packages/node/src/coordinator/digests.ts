/**
 * Asks others what they hold without asking for it: for each key the hash of the copy's header, which is all that tells
 * whether it is the copy at hand (Cassandra calls that a digest read). What is asked of one
 * member in one turn of the event loop travels as one message; while nothing is under way, what is asked goes at once.
 *
 * ```
 *   turn:  ask b k1 ▸ ask b k2 ▸ ask b k3 ─┐        questions to b: k1 at once, then k2 k3
 *                                          └──▶ end of the turn
 *
 *   answer = per key: says u8 │ hash 8 bytes       says: 1 it is this · 0 ask for the copy itself
 * ```
 */
import type { Timers } from '@coterie/env';
import type { Hash64 } from '@coterie/ring';
import type { LateAnswers } from './late-answers.ts';
import { malformed } from '../peers/wire.ts';

/** Keys in one question. */
export const digestsMax = 256;
const answerBytes = 9;

/** Answers as they travel, one for each key, in order. */
export function encodeDigests(hashes: readonly (Hash64 | undefined)[]): Uint8Array {
  const row = new Uint8Array(answerBytes * hashes.length);
  const view = new DataView(row.buffer);
  for (let at = 0; at < hashes.length; at++) {
    const hash = hashes[at];
    if (hash === undefined) continue;
    row[answerBytes * at] = 1;
    view.setUint32(answerBytes * at + 1, hash.high);
    view.setUint32(answerBytes * at + 5, hash.low);
  }
  return row;
}

/** The answers for so many keys. @throws `PROTOCOL` */
export function decodeDigests(row: Uint8Array, keys: number): (Hash64 | undefined)[] {
  if (row.length !== answerBytes * keys) throw malformed('digests');
  const view = new DataView(row.buffer, row.byteOffset, row.length);
  const hashes: (Hash64 | undefined)[] = [];
  for (let at = 0; at < row.length; at += answerBytes) {
    hashes.push(row[at] === 1 ? { high: view.getUint32(at + 1), low: view.getUint32(at + 5) } : undefined);
  }
  return hashes;
}

type Settle = (hash: Hash64 | undefined) => void;

interface Question {
  readonly member: string;
  readonly keys: Uint8Array[];
  readonly settle: Settle[];
}

/** What questions are made of. */
export interface DigestParts {
  readonly timers: Pick<Timers, 'turn'>;
  readonly late: Pick<LateAnswers, 'watch'>;
  /** Asks a member about so many keys, at most `digestsMax`. */
  ask(member: string, objectKeys: readonly Uint8Array[]): Promise<readonly (Hash64 | undefined)[]>;
}

/** Gathers questions and asks them. As many wait as there are reads. */
export class Digests {
  /** Goes up by one whenever something is sent: at the end of a turn, or at once. */
  turn = 0;
  readonly #parts: DigestParts;
  #questions: Question[] = [];
  #underWay = 0;

  constructor(parts: DigestParts) {
    this.#parts = parts;
  }

  /** The hash of the member's copy; undefined when it cannot say, failed, or is late. */
  ask(member: string, objectKey: Uint8Array): Promise<Hash64 | undefined> {
    return new Promise((settle) => {
      if (this.#underWay === 0 && this.#questions.length === 0) {
        // A read by itself would wait for the end of a turn that nobody else shares.
        this.turn += 1;
        this.#send({ member, keys: [objectKey], settle: [settle] });
      } else {
        this.#gather(member, objectKey, settle);
      }
    });
  }

  #gather(member: string, objectKey: Uint8Array, settle: Settle): void {
    const question = this.#questionTo(member);
    question.keys.push(objectKey);
    question.settle.push(settle);
    if (question.keys.length < digestsMax) return;
    this.#questions = this.#questions.filter((other) => other !== question);
    this.#send(question);
  }

  #questionTo(member: string): Question {
    for (const question of this.#questions) if (question.member === member) return question;
    if (this.#questions.length === 0) void this.#parts.timers.turn().then(this.#sendAll);
    const made = { member, keys: [], settle: [] };
    this.#questions.push(made);
    return made;
  }

  readonly #sendAll = (): void => {
    this.turn += 1;
    const questions = this.#questions;
    this.#questions = [];
    for (const question of questions) this.#send(question);
  };

  #send({ member, keys, settle }: Question): void {
    this.#underWay += 1;
    void this.#parts.late.watch(member, this.#parts.ask(member, keys)).then((hashes) => {
      this.#underWay -= 1;
      for (let at = 0; at < settle.length; at++) settle[at](hashes?.[at]);
    });
  }
}
