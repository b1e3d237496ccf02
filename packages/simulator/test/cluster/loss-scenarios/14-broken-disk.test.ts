/**
 * Scenario 14: a node whose disk turned read-only, slow, or damages what it is given stays in the ring and is asked for
 * ever; an address comes back with another identity, and is taken for whom it was. The fixes: a node finds out about its
 * store, and tells all; a member is an id, and whoever answers says which. They are switched off by nodes that say
 * nothing of their disks, and by nodes that do not look who answers.
 */
import { type CoterieNode, type Hazards, startNode } from '@coterie/node';
import { describe, expect, it } from 'vitest';
import { createWorld, type SimulatedDisk, type World } from '../../../src/index.ts';
import { Scene } from './scene.ts';

const timeout = 120_000;
/** How soon the others have to know: a look at the store, a slow write, and gossip. */
const boundMs = 15_000;
const patienceMs = 10_000;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

type Trouble = 'read-only' | 'slow' | 'damaging';

/** From now on every table that is written has a flipped bit soon after. */
function damageTables(world: World, disk: SimulatedDisk): void {
  disk.setFault(({ kind, path, position, length }) => {
    if (kind !== 'write' || !path.endsWith('.sst') || position === undefined || length === undefined) return undefined;
    void world.timers.after(50, () => {
      if (disk.paths().includes(path)) disk.flipBit(path, position, 0);
    });
    return undefined;
  });
}

/** A cluster in which the disk of an owner of k0 has trouble; who else is asked; and whether the trouble shows in what that one tells of the owner. */
async function troubled(
  trouble: Trouble,
  hazards: Partial<Hazards>,
): Promise<{ scene: Scene; asked: string; isKnown: () => Promise<boolean> }> {
  const scene = await new Scene(14, 5, { hazards }).form();
  scene.fleet.dismiss();
  const [asked, broken] = await scene.holders();
  const { disk } = scene.world.machine(broken);
  if (trouble === 'read-only') disk.readOnly = true;
  else if (trouble === 'slow') disk.setFault(({ kind }) => (kind === 'sync' || kind === 'write' ? { delayMs: 3000 } : undefined));
  else {
    damageTables(scene.world, disk);
    for (let number = 0; number < 24; number++) await scene.put(broken, 'v'.repeat(15_000), { key: encode(`d${number}`), w: 3 });
    await scene.run(() => scene.fleet.ask(broken, (node) => node.scrub(), patienceMs));
  }
  const isKnown = async (): Promise<boolean> => {
    const { preferenceList } = await scene.run(() => scene.fleet.ask(asked, (node) => node.where('b', encode('k0')), patienceMs));
    return preferenceList.some(({ node, healthy }) => node === broken && !healthy);
  };
  return { scene, asked, isKnown };
}

describe.each<Trouble>(['read-only', 'slow', 'damaging'])('an owner whose disk is %s', (trouble) => {
  it('is passed over by all within a bound, and writes are as quick as ever', { timeout }, async () => {
    const { scene, asked, isKnown } = await troubled(trouble, {});
    const fromMs = scene.world.nowMs;
    while (!(await isKnown()) && scene.world.nowMs - fromMs <= boundMs) await scene.world.advance(200);
    expect(scene.world.nowMs - fromMs).toBeLessThanOrEqual(boundMs);
    const beganMs = scene.world.nowMs;
    const { reached } = await scene.put(asked, 'quick', { w: 3 });
    expect(reached).toMatchObject({ primaries: 2, fallbacks: 1, synced: 3 });
    expect(scene.world.nowMs - beganMs).toBeLessThan(100);
  });

  it('is asked for ever where nobody hears of it', { timeout }, async () => {
    const { scene, isKnown } = await troubled(trouble, { silentDisks: true });
    await scene.world.advance(2 * boundMs);
    expect(await isKnown()).toBe(false);
  });
});

it('an owner whose disk is well again is asked again', { timeout }, async () => {
  const { scene, asked, isKnown } = await troubled('slow', {});
  await scene.world.advance(boundMs);
  expect(await isKnown()).toBe(true);
  scene.fleet.makeWhole();
  await scene.world.advance(boundMs);
  expect(await isKnown()).toBe(false);
  expect((await scene.put(asked, 'v', { w: 3 })).reached).toMatchObject({ primaries: 3, synced: 3 });
});

/** Members n1 to n4, of which n4 lives on the machine of n3: so it can come back at the address that n3 had. */
class Neighbours {
  readonly world: World = createWorld({ seed: 14 });
  readonly nodes = new Map<string, CoterieNode>();
  readonly #hazards: Partial<Hazards>;

  constructor(hazards: Partial<Hazards>) {
    this.#hazards = hazards;
  }

  async start(name: string, listen: string): Promise<CoterieNode> {
    const [machine] = listen.split(':');
    const { environment } = this.world.machine(machine);
    const peer = { listen, seeds: name === 'n1' ? [] : ['n1:7072'] };
    const options = { environment, dataDirectory: `/${name}`, name, peer, partitions: 64, hazards: this.#hazards };
    const node = await this.world.run(() => startNode(options));
    this.nodes.set(name, node);
    return node;
  }

  async form(): Promise<this> {
    for (const [name, listen] of [
      ['n1', 'n1:7072'],
      ['n2', 'n2:7072'],
      ['n3', 'n3:7072'],
      ['n4', 'n3:7099'],
    ] as const) {
      await this.start(name, listen);
      while (this.node('n1').cluster().members.length < this.nodes.size || this.node('n1').cluster().changes.length > 0)
        await this.world.advance(100);
    }
    await this.world.advance(5000);
    return this;
  }

  node(name: string): CoterieNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`${name} does not run`);
    return node;
  }

  /** A key that n1, n2 and n3 hold. */
  async key(): Promise<string> {
    for (let number = 0; ; number++) {
      const key = `k${number}`;
      const { preferenceList } = await this.world.run(() => this.node('n1').where('b', encode(key)));
      const owners = preferenceList.filter(({ role }) => role === 'primary').map(({ node }) => node);
      if (!owners.includes('n4')) return key;
    }
  }
}

/** What a strict read shows at n2, which missed a write, when n4 answers where n3 was, which had it. */
async function readBesideStranger(hazards: Partial<Hazards>): Promise<string> {
  const place = await new Neighbours(hazards).form();
  const { world } = place;
  const key = await place.key();
  const close = (name: string): Promise<void> => world.run(() => place.node(name).close());
  await close('n4');
  world.machine('n2').kill();
  await world.run(() => place.node('n1').put({ bucket: 'b', key: encode(key), value: encode('v'), w: 2, pw: 2 }));
  await close('n3');
  world.machine('n1').kill();
  await place.start('n4', 'n3:7072');
  world.machine('n2').restart();
  const reader = await place.start('n2', 'n2:7072');
  await world.advance(1000);
  const reading = reader.get({ bucket: 'b', key: encode(key), r: 2, pr: 2, timeoutMs: 3000 });
  return world.run(() =>
    reading.then(
      ({ state }) => state,
      () => 'refused',
    ),
  );
}

describe('a strict read where another member answers at the address of an owner', () => {
  it('is refused rather than stale', { timeout }, async () => {
    expect(await readBesideStranger({})).toBe('refused');
  });

  it('is stale where nobody looks who it is', { timeout }, async () => {
    expect(await readBesideStranger({ addressIsIdentity: true })).toBe('missing');
  });
});
