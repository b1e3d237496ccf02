/**
 * A client of one key whose requests and answers are written down, so that the checkers of whole runs can judge them.
 * It knows what its last read showed, and nothing else.
 */
import { isCoterieError } from '@coterie/env';
import type { GetRequest, PutRequest } from '@coterie/node';
import type { Fleet } from '../../../src/cluster/index.ts';
import { type Outcome, type Write } from '../../../src/cluster/history.ts';
import { type Recorder, shownBy, valueOf } from '../../../src/cluster/recorder.ts';

/** What a witness works with. */
export interface WitnessParts {
  readonly fleet: Fleet;
  readonly recorder: Recorder;
  readonly bucket: string;
  readonly key: string;
}

type ReadAsk = Pick<GetRequest, 'r' | 'pr' | 'timeoutMs'>;
type WriteAsk = Pick<PutRequest, 'w' | 'pw' | 'timeoutMs'>;

/** It waits a little longer than it lets the node try. */
const graceMs = 300;
const timeoutMsDefault = 5000;
const valueBytes = 40;

/** A client. */
export class Witness {
  readonly #parts: WitnessParts;
  #context: string | undefined;
  #shown: ReadonlySet<number> = new Set();

  constructor(parts: WitnessParts) {
    this.#parts = parts;
  }

  /** Reads, and remembers what it was shown; resolves to the numbers of the writes, in order. @throws what the node answers */
  async read(at: string, { r = 2, pr = 0, timeoutMs = timeoutMsDefault }: ReadAsk = {}): Promise<number[]> {
    const { fleet, recorder, bucket, key } = this.#parts;
    const startMs = fleet.world.nowMs;
    const request = { bucket, key: encode(key), r, pr, timeoutMs };
    const reply = await fleet.ask(at, (node) => node.get(request), timeoutMs + graceMs);
    const shown = shownBy(reply).sort((a, b) => a - b);
    recorder.read({ bucket, key, node: at, startMs, endMs: fleet.world.nowMs, pr, shown });
    this.#context = reply.state === 'missing' ? undefined : reply.context;
    this.#shown = new Set(shown);
    return shown;
  }

  /** Writes in place of what its last read showed. */
  update(at: string, ask: WriteAsk = {}): Promise<Write> {
    return this.#write(at, ask, { context: this.#context, shown: this.#shown });
  }

  /** Writes beside whatever is there. */
  put(at: string, ask: WriteAsk = {}): Promise<Write> {
    return this.#write(at, ask, { context: undefined, shown: new Set() });
  }

  /** Resolves however the write ends: its one attempt says how. */
  async #write(
    at: string,
    { w = 2, pw = 0, timeoutMs = timeoutMsDefault }: WriteAsk,
    from: { readonly context: string | undefined; readonly shown: ReadonlySet<number> },
  ): Promise<Write> {
    const { fleet, recorder, bucket, key } = this.#parts;
    const { context, shown } = from;
    const write = recorder.begin({ kind: 'put', bucket, key, ask: { w, pw }, seen: shown, replacesFound: false });
    const value = valueOf(write.id, valueBytes);
    const request = { bucket, key: encode(key), value, w, pw, timeoutMs, ...(context === undefined ? {} : { context }) };
    const startMs = fleet.world.nowMs;
    const outcome = await fleet
      .ask(at, (node) => node.put(request), timeoutMs + graceMs)
      .then(({ reached }): Outcome => ({ kind: 'ok', reached }), outcomeOf);
    recorder.attempted(write, { node: at, startMs, endMs: fleet.world.nowMs, outcome, madeHere: true });
    return write;
  }
}

function outcomeOf(error: unknown): Outcome {
  if (!isCoterieError(error)) throw error;
  const { code, message, details } = error;
  return { kind: 'refused', code, message, mayHaveTakenEffect: details.mayHaveTakenEffect !== false };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
