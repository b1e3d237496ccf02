/** A conversation as text: few members with short names, every message and every change of belief a line. */
import { type Effect, GossipMachine, type MachineOptions, type ProfileWish } from '../src/index.ts';
import type { MemberRecord, Message } from '../src/message.ts';
import { decodeMessage } from '../src/wire.ts';
import { Sfc32, VirtualCluster } from './virtual-cluster.mjs';

/** The id of a member with a name of one letter from a to f. */
export const idOf = (name: string): string => name.repeat(16);
/** Where it listens. */
export const addressOf = (name: string): string => `${name}:7072`;
/** How it describes itself. */
export const selfOf = (name: string): ProfileWish => ({
  id: idOf(name),
  address: addressOf(name),
  zone: '',
  weight: 1,
  extensions: new Map(),
});

/** What a test may say about a member. */
export type MemberOptions = Partial<Omit<MachineOptions, 'self' | 'random'>>;

/** Members that talk, and what they said. */
export class Conversation {
  readonly cluster: VirtualCluster;
  readonly #names: string[] = [];
  readonly #seqs = new Map<number, string>();
  #lines: string[] = [];
  #hear: (from: string, to: string, bytes: Uint8Array) => void = () => undefined;

  constructor(seed = 1) {
    this.cluster = new VirtualCluster({ seed, latencyMs: [2, 2], onEffect: (from, effect) => this.#note(from, effect) });
  }

  /** Members that know each other from the start. */
  static of(names: string, seed = 1): Conversation {
    const conversation = new Conversation(seed);
    for (const name of names) conversation.start(name, { cluster: 'here' });
    const profiles = Array.from(names, (name) => ({ ...selfOf(name), incarnation: 1 }));
    for (const name of names) conversation.do(name, (machine, now) => machine.introduce(now, profiles));
    return conversation;
  }

  /** Starts a member. */
  start(name: string, options: MemberOptions = {}): void {
    this.#names.push(name);
    const random = new Sfc32(this.#names.length);
    const machine = new GossipMachine({ self: selfOf(name), incarnation: 1, random, ...options });
    this.cluster.add(machine, addressOf(name));
  }

  /** Hands on every message that is sent from now on, with the names of sender and receiver. */
  overhear(hear: (from: string, to: string, bytes: Uint8Array) => void): void {
    this.#hear = hear;
  }

  /** The machine of a member: of its latest life. */
  machine(name: string): GossipMachine {
    return this.cluster.machines[this.#index(name)];
  }

  /** Calls a method of a member's machine and carries out what it asks for. */
  do(name: string, call: (machine: GossipMachine, now: number) => readonly Effect[]): void {
    this.cluster.act(this.#index(name), () => call(this.machine(name), this.cluster.now));
  }

  stop(name: string): void {
    this.cluster.stop(this.#index(name));
    this.#lines.push(`${this.#time()} ${name} stops`);
  }

  resume(name: string): void {
    this.#lines.push(`${this.#time()} ${name} goes on`);
    this.cluster.resume(this.#index(name));
  }

  /** Only messages for which this holds get through, by the names of sender and receiver. */
  cut(isOpen: (from: string, to: string) => boolean): void {
    this.cluster.isOpen = (from, to) => isOpen(this.#names[from], this.#names[to]);
  }

  runSeconds(seconds: number): this {
    this.cluster.run(this.cluster.now + Math.round(seconds * 1000));
    return this;
  }

  /** Lets time pass until something is so, ten seconds at most. */
  runUntil(isSo: () => boolean): void {
    const endMs = this.cluster.now + 10_000;
    while (!isSo() && this.cluster.now < endMs) this.cluster.run(this.cluster.now + 10);
  }

  /** The lines since the last call, those that `filter` keeps. */
  text(filter: (line: string) => boolean = () => true): string {
    const lines = this.#lines.filter(filter);
    this.#lines = [];
    return `${lines.join('\n')}\n`;
  }

  #index(name: string): number {
    return this.#names.lastIndexOf(name);
  }

  #note(from: number, effect: Effect): void {
    const who = this.#names[from];
    if (effect.kind === 'send') {
      const { cluster, message } = decodeMessage(effect.bytes);
      const to = effect.address.split(':')[0];
      this.#hear(who, to, effect.bytes);
      this.#lines.push(`${this.#time()} ${who} → ${to} ${cluster === '' ? '(no cluster) ' : ''}${this.#describe(message)}`);
    } else if (effect.kind === 'changed') {
      this.#lines.push(`${this.#time()} ${who}: ${effect.id[0]} ${effect.was ?? 'unknown'} → ${effect.is ?? 'forgotten'}`);
    } else this.#lines.push(`${this.#time()} ${who}: ${effect.kind} ${JSON.stringify({ ...effect, kind: undefined })}`);
  }

  #describe(message: Message): string {
    const words: string[] = [message.kind];
    if ('seq' in message) words.push(this.#seqName(message.seq));
    if (message.kind === 'ping' && /^0+$/.test(message.target)) words.push('to whoever listens');
    if (message.kind === 'relay') words.push(`to ${message.target[0]}`);
    if (message.kind === 'report') words.push(message.outcome);
    if (message.kind === 'digest') words.push(`of ${message.hashes.length}`);
    if (message.kind === 'summary') words.push(message.lines.map((line) => `${line.id[0]} ${line.state}@${line.incarnation}`).join(', '));
    if (message.kind === 'want') words.push(message.ids.map((id) => id[0]).join(', '));
    if ('from' in message)
      words.push(`beat ${message.from.heartbeat}`, `${message.from.standing.state}@${message.from.standing.incarnation}`);
    if ('records' in message && message.records.length > 0) words.push('|', message.records.map(describeRecord).join(', '));
    return words.join(' ');
  }

  #seqName(seq: number): string {
    if (!this.#seqs.has(seq)) this.#seqs.set(seq, `#${this.#seqs.size + 1}`);
    return this.#seqs.get(seq) as string;
  }

  #time(): string {
    return (this.cluster.now / 1000).toFixed(3).padStart(7);
  }
}

function describeRecord({ id, standing, profile }: MemberRecord): string {
  const by = standing.witnesses.length === 0 ? '' : ` by ${standing.witnesses.map((witness) => witness[0]).join('')}`;
  return `${id[0]} ${standing.state}@${standing.incarnation}${by}${profile === undefined ? '' : ` at ${profile.address}`}`;
}
