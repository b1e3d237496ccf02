/**
 * Backups of running nodes, and their return: onto the same node, which must neither cover nor bring back anything, and of
 * a whole cluster into empty directories.
 */
import { openStore } from '@coterie/lsm';
import { type BackupReport, type OpenStore, restoreBackup, type RestoreOrder } from '@coterie/node';
import { describe, expect, it } from 'vitest';
import { Fleet, youngStore } from '../../src/cluster/index.ts';
import { createWorld, type World } from '../../src/index.ts';

const patienceMs = 10_000;
const timeout = 120_000;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const all = { r: 3, pr: 3, timeoutMs: 5000 };

/** A cluster on which a restore can be ordered: it is carried out before the node next opens its store. */
class Place {
  readonly world: World = createWorld({ seed: 5 });
  readonly fleet: Fleet;
  readonly orders = new Map<string, RestoreOrder['as']>();
  restored = 0;

  constructor() {
    this.fleet = new Fleet({ world: this.world, nodes: 3, store: youngStore, options: { openStore: this.#open } });
  }

  put(at: string, key: string, value: string, context?: string): Promise<{ context: string }> {
    const request = { bucket: 'b', key: encode(key), value: encode(value), w: 2, ...(context === undefined ? {} : { context }) };
    return this.fleet.ask(at, (node) => node.put(request), patienceMs);
  }

  delete(at: string, key: string): Promise<unknown> {
    return this.fleet.ask(at, (node) => node.delete({ bucket: 'b', key: encode(key), w: 2 }), patienceMs);
  }

  async show(at: string, key: string, asks: object = all): Promise<string[]> {
    const reply = await this.fleet.ask(at, (node) => node.get({ bucket: 'b', key: encode(key), ...asks }), patienceMs);
    return reply.state === 'found' ? reply.siblings.map(({ value }) => new TextDecoder().decode(value)).sort() : [reply.state];
  }

  backUp(at: string, name: string): Promise<BackupReport> {
    return this.fleet.ask(at, (node) => node.backUp(name), patienceMs);
  }

  /** Kills a node; its next life begins with a restore. */
  async restore(name: string, as: RestoreOrder['as']): Promise<void> {
    this.world.machine(name).kill();
    this.orders.set(name, as);
    this.world.machine(name).restart();
    await this.fleet.until(() => this.fleet.nodeOn(name) !== undefined, `${name} runs`);
  }

  /** Loses everything of a node but its backups. */
  lose(name: string): void {
    const machine = this.world.machine(name);
    machine.kill();
    machine.disk.restart(1);
    for (const path of machine.disk.paths().filter((one) => !one.startsWith('/data/backups/'))) machine.environment.files.removeSync(path);
    machine.kill();
  }

  readonly #open: OpenStore = async (directory, opening) => {
    const name = this.fleet.names.find((one) => this.world.machine(one).environment === opening.environment) ?? '';
    const as = this.orders.get(name);
    this.orders.delete(name);
    if (as !== undefined) {
      await restoreBackup({ environment: opening.environment, backup: '/data/backups/monday', dataDirectory: '/data', as });
      this.restored += 1;
    }
    return openStore(directory, { ...youngStore, ...opening });
  };
}

async function formed(): Promise<Place> {
  const place = new Place();
  await place.world.run(() => place.fleet.form());
  return place;
}

const wellAgain = (fleet: Fleet) => (): boolean =>
  fleet.nodes.length === 3 &&
  fleet.nodes.every((node) => !node.cluster().isRecovering && node.cluster().members.every(({ state }) => state === 'alive'));

describe('a backup of a running node', () => {
  it('brings nothing back and covers nothing when it is restored on that node', { timeout }, async () => {
    const place = await formed();
    await place.world.run(async () => {
      const old = await place.put('n1', 'changed', 'old');
      await place.put('n1', 'deleted', 'dead');
      await place.put('n1', 'same', 'same');
      const report = await place.backUp('n2', 'monday');
      expect(report).toMatchObject({ name: 'monday', memberName: 'n2', directory: '/data/backups/monday' });
      const before = place.fleet.nodeOn('n2')?.status().incarnation;
      await place.put('n1', 'changed', 'new', old.context);
      await place.delete('n1', 'deleted');
      await place.put('n2', 'later', 'here');
      await place.restore('n2', 'member');
      expect(place.restored).toBe(1);
      expect(place.fleet.nodeOn('n2')?.status().incarnation).not.toBe(before);
      await place.put('n2', 'again', 'after');
      await place.fleet.until(wellAgain(place.fleet), 'n2 has taken back what it missed');
      for (const at of place.fleet.names) {
        expect(await place.show(at, 'changed')).toEqual(['new']);
        expect(await place.show(at, 'deleted')).toEqual(['deleted']);
        expect(await place.show(at, 'same')).toEqual(['same']);
        expect(await place.show(at, 'later')).toEqual(['here']);
        expect(await place.show(at, 'again')).toEqual(['after']);
      }
    });
  });

  it('vouches for nothing before it has exchanged: a strict read beside it is refused, not stale', { timeout }, async () => {
    const place = await formed();
    const { world, fleet } = place;
    await world.run(async () => {
      await place.put('n1', 'k', 'old');
      await place.backUp('n2', 'monday');
      world.machine('n3').kill();
      await fleet.ask('n1', (node) => node.put({ bucket: 'b', key: encode('k2'), value: encode('v'), w: 2, pw: 2 }), patienceMs);
      world.machine('n1').kill();
      await place.restore('n2', 'member');
      world.machine('n3').restart();
      await fleet.until(() => fleet.nodes.length === 2, 'n2 and n3 run');
      await expect(place.show('n3', 'k2', { r: 2, pr: 2, timeoutMs: 3000 })).rejects.toMatchObject({ code: 'QUORUM_NOT_MET' });
    });
  });

  it('has a name of its own, and shares tables with the next', { timeout }, async () => {
    const place = await formed();
    await place.world.run(async () => {
      await place.put('n1', 'k', 'v'.repeat(1000));
      await place.backUp('n1', 'monday');
      await expect(place.backUp('n1', 'monday')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(place.backUp('n1', '../monday')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await place.backUp('n1', 'tuesday');
      const { disk, environment } = place.world.machine('n1');
      const shared = disk.paths().filter((path) => path.startsWith('/data/backups/monday/store/') && path.endsWith('.sst'));
      expect(shared.length).toBeGreaterThan(0);
      for (const path of shared) {
        const next = path.replace('monday', 'tuesday');
        expect(environment.files.identitySync(next)).toEqual(environment.files.identitySync(path));
      }
    });
  });
});

it('a whole cluster comes back from its backups, in a new lineage', { timeout }, async () => {
  const place = await formed();
  const { world, fleet } = place;
  await world.run(async () => {
    await place.put('n1', 'a', 'one');
    await place.put('n2', 'b', 'two');
    await place.put('n3', 'gone', 'three');
    await place.delete('n1', 'gone');
    for (const name of fleet.names) await place.backUp(name, 'monday');
    const epoch = fleet.nodeOn('n1')?.epoch ?? 0;
    for (const name of fleet.names) place.lose(name);
    await place.restore('n1', 'first');
    expect(fleet.nodeOn('n1')?.epoch).toBeGreaterThan(epoch);
    await place.restore('n2', 'other');
    await place.restore('n3', 'other');
    await fleet.until(wellAgain(fleet), 'the cluster is whole');
    for (const at of fleet.names) {
      expect(await place.show(at, 'a')).toEqual(['one']);
      expect(await place.show(at, 'b')).toEqual(['two']);
      expect(await place.show(at, 'gone')).toEqual(['deleted']);
    }
    await fleet.until(
      () =>
        fleet
          .nodeOn('n1')
          ?.cluster()
          .members.every(({ isSteward }) => isSteward) === true,
      'all vote again',
    );
  });
});
