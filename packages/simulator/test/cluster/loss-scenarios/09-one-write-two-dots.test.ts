/**
 * Scenario 9: a write is asked for twice, at two nodes, or passed on to two owners, and gets two dots: a false sibling, or
 * an acknowledgement that stands for nothing. The fix: the operation's id is kept with the value and with what it left,
 * and what is passed on is coordinated where it arrives. It is switched off by `everyTryAWrite`.
 *
 * ```
 *   client ──▶ n2 ──late──▶ owner 1          every request is sent twice, to different nodes and in any order,
 *      └─────▶ n5 ──late──▶ owner 1, 2       messages overtake each other, and n6 takes partitions over meanwhile
 * ```
 */
import { describe, expect, it } from 'vitest';
import type { Hazards, PutRequest } from '@coterie/node';
import type { Write } from '../../../src/cluster/history.ts';
import { shownBy, valueOf } from '../../../src/cluster/recorder.ts';
import { Scene } from './scene.ts';

const clients = 3;
const rounds = 8;
/** Past the time that one owner is given to coordinate, so that some requests are passed on to a second one. */
const latencyMs = [1, 700] as const;
const key = new TextEncoder().encode('k0');

/** A client whose every request travels twice. */
class Doubling {
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Reads and replaces what was shown, again and again. */
  async work(): Promise<void> {
    for (let round = 0; round < rounds; round++) await this.#update();
  }

  async #update(): Promise<void> {
    const { fleet, recorder, world } = this.#scene;
    const [reader] = this.#twoNodes();
    const startMs = world.nowMs;
    const found = await fleet.ask(reader, (node) => node.get({ bucket: 'b', key, r: 2, timeoutMs: 20_000 }), 21_000);
    const shown = shownBy(found);
    recorder.read({ bucket: 'b', key: 'k0', node: reader, startMs, endMs: world.nowMs, pr: 0, shown });
    const seen = new Set(shown);
    const write = recorder.begin({ kind: 'put', bucket: 'b', key: 'k0', ask: { w: 2, pw: 0 }, seen, replacesFound: false });
    const request: PutRequest = {
      bucket: 'b',
      key,
      value: valueOf(write.id, 40),
      operation: `write-${write.id}`,
      w: 2,
      timeoutMs: 20_000,
      ...(found.state === 'missing' ? {} : { context: found.context }),
    };
    await Promise.all(this.#twoNodes().map((node) => this.#send(node, request, write)));
  }

  /** Sends a request after a while, and notes how it ended. */
  async #send(node: string, request: PutRequest, write: Write): Promise<void> {
    const { fleet, recorder, world } = this.#scene;
    await fleet.pause(world.random.below(1000));
    const startMs = world.nowMs;
    const { reached } = await fleet.ask(node, (asked) => asked.put(request), 21_000);
    recorder.attempted(write, { node, startMs, endMs: world.nowMs, outcome: { kind: 'ok', reached }, madeHere: false });
  }

  #twoNodes(): [string, string] {
    const { fleet, world } = this.#scene;
    const first = world.random.pick(fleet.names);
    return [first, world.random.pick(fleet.names.filter((name) => name !== first))];
  }
}

/** Complaints after clients have worked while a node joined. */
async function askTwice(hazards: Partial<Hazards>): Promise<string[]> {
  const scene = await new Scene(9, 5, { hazards }).form();
  const { world, fleet } = scene;
  const names = [...fleet.names, 'n6'];
  const slow = world.network.links.change(names, names, { latencyMs });
  const working = Promise.all(Array.from({ length: clients }, () => new Doubling(scene).work()));
  await scene.join('n6');
  await scene.run(() => working);
  slow.undo();
  await scene.reunite();
  return scene.judge();
}

describe('a write that is asked for twice while the ring changes', () => {
  it('is one sibling, and gone once it was replaced', async () => {
    expect(await askTwice({})).toEqual([]);
  });

  it('stands beside itself where ids are not looked at', async () => {
    expect(await askTwice({ everyTryAWrite: true })).toContainEqual(expect.stringMatching(/^P4: #\d+ stands there twice/));
  });
});
