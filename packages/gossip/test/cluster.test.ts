/** Fifty members in virtual time, with lost messages, deaths, cuts and restarts; invariants are checked at every message. */
import { assert } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { Catalogue, type Effect, GossipMachine, messageBytesMax } from '../src/index.ts';
import { Sfc32, VirtualCluster } from './virtual-cluster.mjs';

const size = 50;
const idOf = (i: number): string => `${(i * 5 + 3).toString(16).padStart(2, '0')}${'c'.repeat(12)}${i.toString(16).padStart(2, '0')}`;
const addressOf = (i: number): string => `10.0.0.${i}:7072`;
const selfOf = (i: number) => ({ id: idOf(i), address: addressOf(i), zone: `dc/r${i % 5}`, weight: 1, extensions: new Map() });

class Fifty {
  readonly cluster: VirtualCluster;
  readonly verdicts: { readonly judge: number; readonly id: string; readonly atMs: number }[] = [];
  readonly #incarnations = new Map<string, number>();
  readonly #catalogue = new Catalogue();

  constructor(seed: number) {
    this.cluster = new VirtualCluster({ seed, loss: 0.05, latencyMs: [1, 40], onEffect: (from, effect) => this.#check(from, effect) });
    for (let i = 0; i < size; i++) this.start(i, i === 0 ? { cluster: 'fifty' } : { seeds: [addressOf(0), addressOf(1)] });
  }

  start(i: number, options: { readonly cluster?: string; readonly seeds?: string[]; readonly incarnation?: number }): number {
    const random = new Sfc32(i + 1000);
    return this.cluster.add(
      new GossipMachine({ self: selfOf(i), incarnation: 1, random, catalogue: this.#catalogue, ...options }),
      addressOf(i),
    );
  }

  runSeconds(seconds: number): void {
    this.cluster.run(this.cluster.now + seconds * 1000);
  }

  /** How many others each running machine sees up. */
  ups(): number[] {
    return this.cluster.machines.filter((_, i) => !this.cluster.isStopped(i)).map((machine) => machine.size.up);
  }

  /** No message is too long, and what is believed of anybody never goes back. */
  #check(judge: number, effect: Effect): void {
    if (effect.kind === 'send') assert(effect.bytes.length <= messageBytesMax, 'a message fits');
    if (effect.kind !== 'changed' || effect.is === undefined) return;
    if (effect.is === 'dead') this.verdicts.push({ judge, id: effect.id, atMs: this.cluster.now });
    const key = `${judge} ${effect.id}`;
    const incarnation = this.cluster.machines[judge].member(effect.id)?.incarnation ?? 0;
    assert(incarnation >= (this.#incarnations.get(key) ?? 0), 'an incarnation never goes back');
    this.#incarnations.set(key, incarnation);
  }
}

describe('fifty members at five per cent loss', () => {
  it('join through two seeds, live five minutes without a wrong verdict, and know of a death within 15 s', () => {
    const fifty = new Fifty(1);
    fifty.runSeconds(60);
    expect(fifty.ups()).toEqual(Array.from({ length: size }, () => size));
    fifty.runSeconds(300);
    expect(fifty.verdicts).toEqual([]);

    const diedAt = fifty.cluster.now;
    fifty.cluster.stop(7);
    fifty.runSeconds(15);
    expect(fifty.verdicts.map(({ id }) => id)).toEqual(Array.from({ length: size - 1 }, () => idOf(7)));
    expect(fifty.verdicts.every(({ atMs }) => atMs - diedAt <= 15_000)).toBe(true);
    const sent = fifty.cluster.machines.map((machine) => machine.counters.sentBytes);
    fifty.runSeconds(60);
    expect(Math.max(...fifty.cluster.machines.map((machine, i) => machine.counters.sentBytes - sent[i])) / 60).toBeLessThan(1000);
  });

  it('find each other again after a cut, and agree to the last hash', () => {
    const fifty = new Fifty(2);
    fifty.runSeconds(60);
    fifty.cluster.isOpen = (from, to) => from % 2 === to % 2;
    fifty.runSeconds(60);
    expect(fifty.ups()).toEqual(Array.from({ length: size }, () => size / 2));
    fifty.cluster.isOpen = () => true;
    fifty.runSeconds(30);
    expect(fifty.ups()).toEqual(Array.from({ length: size }, () => size));
    fifty.runSeconds(60);
    const [first, ...others] = fifty.cluster.machines.map((machine) => machine.digest.join());
    expect(new Set(others)).toEqual(new Set([first]));
  });

  it('take back members that were started again, one after another', () => {
    const fifty = new Fifty(3);
    fifty.runSeconds(60);
    for (let i = 0; i < 10; i++) {
      fifty.cluster.stop(i);
      fifty.runSeconds(2);
      fifty.start(i, { cluster: 'fifty', seeds: [addressOf(20)], incarnation: 5 });
      fifty.runSeconds(2);
    }
    fifty.runSeconds(30);
    expect(fifty.ups()).toEqual(Array.from({ length: size }, () => size));
    for (let i = 0; i < 10; i++) expect(fifty.cluster.machines[30].member(idOf(i))?.incarnation).toBeGreaterThanOrEqual(5);
  });

  it('repeat themselves: the same seed gives the same run', () => {
    const runs = [1, 2].map(() => {
      const fifty = new Fifty(4);
      fifty.runSeconds(30);
      return fifty.cluster.machines.map((machine) => machine.counters);
    });
    expect(runs[0]).toEqual(runs[1]);
  });
});
