/** What operators do about nodes that do not start, on machines whose files were spoilt. */
import { describe, expect, it, vi } from 'vitest';
import { Accidents } from '../../src/cluster/accidents.ts';
import type { Accident } from '../../src/cluster/actions.ts';
import { Fleet, formYoungDisks, youngStore } from '../../src/cluster/index.ts';
import type { Write } from '../../src/cluster/history.ts';
import { rottenPath } from '../../src/cluster/rot.ts';
import { operationOf, StoreLedger } from '../../src/cluster/store-ledger.ts';
import { createWorld, type World } from '../../src/index.ts';

const timeout = 120_000;

/** Five nodes, and operators that watch over them. */
class Place {
  readonly world: World;
  readonly fleet: Fleet;
  readonly accidents: Accidents;
  readonly complaints: string[] = [];
  readonly ledger: StoreLedger;

  constructor(world: World, disks: Awaited<ReturnType<typeof formYoungDisks>>) {
    this.world = world;
    this.fleet = new Fleet({ world, nodes: 5, store: youngStore, disks });
    this.ledger = new StoreLedger(() => world.nowMs);
    this.accidents = new Accidents({ fleet: this.fleet, ledger: this.ledger, complain: (sentence) => this.complaints.push(sentence) });
  }

  happen(accident: Accident): Promise<void> {
    return this.world.run(() => this.accidents.happen(accident));
  }

  /** Spoils every byte of a file after its first few, and starts the node again. */
  spoil(name: string, path: string): void {
    this.fleet.stopFor(name, (disk) => {
      const { length } = disk.contents(path);
      for (let at = 8; at < length; at++) disk.flipBit(path, at, at % 8);
    });
    this.fleet.startAgain(name);
  }

  /** Lets time pass until all of these run. */
  until(names: readonly string[]): Promise<void> {
    const { fleet } = this;
    return this.world.run(() => fleet.until(() => names.every((name) => fleet.nodeOn(name) !== undefined), `${names.join()} run`));
  }
}

async function formed(seed: number): Promise<Place> {
  const place = new Place(createWorld({ seed }), await formYoungDisks(5));
  await place.world.run(() => place.fleet.form());
  void place.accidents.watch();
  return place;
}

describe('a ring log that is damaged', () => {
  it('keeps no node away whose only seed is down, nor one that was told none', { timeout }, async () => {
    const place = await formed(21);
    place.fleet.stopFor('n1', () => undefined);
    place.spoil('n3', '/data/ring/ring.log');
    await place.until(['n3']);
    place.spoil('n1', '/data/ring/ring.log');
    await place.until(['n1', 'n2', 'n3', 'n4', 'n5']);
    expect(new Set(place.fleet.nodes.map((node) => node.cluster().clusterId)).size).toBe(1);
    expect(place.complaints).toEqual([]);
  });
});

describe('a file of a store in which bits flip', () => {
  it.each([
    ['the log', '/data/store/log/', true],
    ['a table', '/data/store/', false],
  ])('%s: what is added to it until the node starts again goes with it', { timeout }, async (_what, prefix, isLost) => {
    const place = await formed(24);
    const { world, fleet, ledger, accidents } = place;
    const { disk } = world.machine('n2');
    const member = fleet.idOf('n2') ?? '';
    // A backup writes what memory holds into a table.
    await world.run(() => fleet.ask('n2', (node) => node.put({ bucket: 'b', key: key('k'), value: key('v') }), 5000));
    await place.happen({ kind: 'back up', machine: 'n2' });
    const isWanted = (path = ''): boolean => path.startsWith(prefix) && path.endsWith('.sst') !== isLost;
    let seed = 0;
    while (!isWanted(rottenPath(disk, { seed, sparesVotes: false }))) seed++;
    const taken = (id: number): Write => {
      ledger.witness(operationOf(id), [{ store: member, isPrimary: true }]);
      const attempt = { node: 'n2', startMs: world.nowMs, endMs: world.nowMs, outcome: { kind: 'silent' }, madeHere: true } as const;
      return { id, kind: 'put', bucket: 'b', key: 'k', ask: { w: 1, pw: 0 }, seen: new Set(), replacesFound: false, attempts: [attempt] };
    };
    const [before, meanwhile, after] = await world.run(async () => {
      const first = taken(1);
      await fleet.pause(1);
      const rotting = accidents.happen({ kind: 'rot', machine: 'n2', seed, ms: 500 });
      await fleet.pause(200);
      const second = taken(2);
      await rotting;
      await fleet.until(() => fleet.nodeOn('n2')?.cluster().isRecovering === false, 'n2 is whole');
      await fleet.pause(200);
      return [first, second, taken(3)];
    });
    expect(ledger.mayBeLostFrom(before)).toBeLessThan(Infinity);
    expect(ledger.mayBeLostFrom(meanwhile) < Infinity).toBe(isLost);
    expect(ledger.mayBeLostFrom(after)).toBe(Infinity);
  });
});

describe('a backup that rots', () => {
  it('is given up when it is refused, and the node goes on with what it has', { timeout }, async () => {
    const place = await formed(22);
    await place.world.run(() => place.fleet.ask('n2', (node) => node.put({ bucket: 'b', key: key('k'), value: key('v') }), 5000));
    const member = place.fleet.idOf('n2');
    await place.happen({ kind: 'back up', machine: 'n2' });
    const { disk } = place.world.machine('n2');
    const saved = disk.paths().filter((path) => path.startsWith('/data/backups/b1/store/') && path.endsWith('.sst'));
    expect(saved.length).toBeGreaterThan(0);
    for (const path of saved) disk.flipBit(path, 0, 0);
    await place.happen({ kind: 'restore', machine: 'n2' });
    await place.until(['n2']);
    expect(place.fleet.idOf('n2')).toBe(member);
    const { state } = await place.world.run(() => place.fleet.ask('n2', (node) => node.get({ bucket: 'b', key: key('k') }), 5000));
    expect(state).toBe('found');
    // A second try finds no backup, and leaves the node alone.
    const { lives } = place.world.machine('n2');
    await place.happen({ kind: 'restore', machine: 'n2' });
    expect(place.world.machine('n2').lives).toBe(lives);
  });
});

describe('a machine that turns up after its removal', () => {
  it('is asked nothing, and its copies are said to be in doubt when the next one is removed', { timeout }, async () => {
    const place = await formed(23);
    const { fleet, ledger } = place;
    const [first, second] = [fleet.idOf('n1'), fleet.idOf('n4')];
    // What n1 holds is given to others when n4 is back, or gone.
    fleet.stopFor('n4', () => undefined);
    const removed = vi.spyOn(ledger, 'removed');
    await place.happen({ kind: 'remove', machine: 'n1', returns: true });
    await place.world.run(() => fleet.until(() => fleet.nodeOn('n1')?.status().state === 'left', 'n1 has heard of it'));
    expect(fleet.members).toContain('n1');
    expect(fleet.asked).toEqual(['n2', 'n3', 'n5']);
    await place.happen({ kind: 'remove', machine: 'n4', returns: false });
    expect(removed.mock.calls).toEqual([
      [first, { beside: [second] }],
      [second, { beside: [first] }],
    ]);
    expect(place.complaints).toEqual([]);
  });
});

describe('a machine that dies while it takes its own former place', () => {
  it('is removed under both its ids', { timeout }, async () => {
    const place = await formed(25);
    const { fleet, world, accidents } = place;
    const others = ['n1', 'n2', 'n3', 'n5'];
    const former = fleet.idOf('n4');
    const named = (): number => (fleet.nodeOn('n1')?.cluster().members ?? []).filter(({ name }) => name === 'n4').length;
    world.network.links.change(['n4'], others, { latencyMs: [300, 300] });
    await world.run(async () => {
      const rebuilding = accidents.happen({ kind: 'rebuild', machine: 'n4' });
      await fleet.until(() => named() === 2, 'n4 is a member twice');
      // So that it has not heard of that when it dies.
      world.network.partition(['n4'], others);
      await rebuilding;
    });
    expect(fleet.idOf('n4')).toBe(former);
    await place.happen({ kind: 'remove', machine: 'n4', returns: false });
    const isOver = (): boolean => named() === 0 && fleet.nodeOn('n1')?.cluster().changes.length === 0;
    await world.run(() => fleet.until(isOver, 'n4 is nobody any more'));
    expect(place.complaints).toEqual([]);
  });
});

function key(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
