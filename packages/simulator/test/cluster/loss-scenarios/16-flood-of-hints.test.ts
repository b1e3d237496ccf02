/**
 * Scenario 16: a node comes back from a restart, everybody floods it with what was kept for it meanwhile, and it refuses
 * its clients. The fix: hints come a few at a time, as fast as the node answers, and take no place of a client's. It is
 * switched off by `unpacedHints`.
 */
import { describe, expect, it } from 'vitest';
import { isCoterieError } from '@coterie/env';
import type { Hazards } from '@coterie/node';
import { Scene } from './scene.ts';

const keys = 100;
const limits = { inFlightMax: 5 };
const clients = 3;
/** How long clients look at nothing but the node that is back. */
const backMs = 500;
const timeoutMs = 120_000;

interface Told {
  readonly operations: number;
  /** Codes of all errors that a client got. */
  readonly codes: readonly string[];
  readonly complaints: readonly string[];
}

async function restartOneByOne(hazards: Partial<Hazards>): Promise<Told> {
  const scene = await new Scene(16, 5, { hazards, keys, limits }).form();
  for (const { disk } of scene.world.machines) disk.setFault(() => ({ delayMs: 5 }));
  const load = new Load(scene);
  await scene.run(async () => {
    for (const name of scene.fleet.names) await restart(scene, load, name);
  });
  return { operations: load.operations, codes: [...load.codes], complaints: await scene.judge() };
}

/** Clients write every key elsewhere while the node is away, and all go to it as soon as it is back. */
async function restart({ fleet, world }: Scene, load: Load, name: string): Promise<void> {
  await fleet.nodeOn(name)?.close();
  world.machine(name).kill();
  await load.changeAll(fleet.names.filter((other) => other !== name));
  world.machine(name).restart();
  await fleet.until(() => fleet.nodeOn(name) !== undefined, `${name} runs`);
  await load.changeAny(name, world.nowMs + backMs);
}

/** What clients do, and the errors that they get. */
class Load {
  readonly codes: Set<string> = new Set();
  operations = 0;
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Changes every key once, each at one of these nodes. */
  async changeAll(nodes: readonly string[]): Promise<void> {
    const left = Array.from({ length: keys }, (_, number) => `k${number}`);
    await this.#together(async () => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) await this.#change(this.#scene.world.random.pick(nodes), key);
    });
  }

  /** Changes one key after the other at this node. */
  async changeAny(name: string, untilMs: number): Promise<void> {
    const { world, fleet } = this.#scene;
    await this.#together(async () => {
      while (world.nowMs < untilMs) {
        await this.#change(name, `k${world.random.below(keys)}`);
        await fleet.pause(1);
      }
    });
  }

  async #together(work: () => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: clients }, work));
  }

  async #change(at: string, key: string): Promise<void> {
    const client = this.#scene.witness(key);
    this.operations += 2;
    try {
      await client.read(at);
    } catch (error) {
      if (!isCoterieError(error)) throw error;
      this.codes.add(error.code);
    }
    const { outcome } = (await client.update(at)).attempts[0] ?? {};
    if (outcome?.kind === 'refused') this.codes.add(outcome.code);
  }
}

describe('a rolling restart under load', () => {
  it('costs no client an error', { timeout: timeoutMs }, async () => {
    const { operations, codes, complaints } = await restartOneByOne({});
    expect({ codes, complaints }).toEqual({ codes: [], complaints: [] });
    expect(operations).toBeGreaterThan(1000);
  });

  it('has healthy nodes refuse clients where hints come all at once', { timeout: timeoutMs }, async () => {
    expect((await restartOneByOne({ unpacedHints: true })).codes).toContain('OVERLOADED');
  });
});
