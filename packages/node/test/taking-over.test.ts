import { describe, expect, it } from 'vitest';
import type { IntakeReport } from '../src/index.ts';
import { ClusterWorld } from './cluster-world.ts';
import { bytes } from './world.ts';

const keys = Array.from({ length: 144 }, (_, i) => `k${i}`);
const valueBytes = 20_000;
/** Slow, and with many notes. */
const limits = { transferBytesPerSecond: 200_000, transferNoteBytes: 100_000 };

/** Three nodes that hold about three megabytes each, and a fourth that takes over its share. */
async function takingOver(seed: number): Promise<ClusterWorld> {
  const cluster = await new ClusterWorld(seed, { limits }).startAll(3);
  for (const key of keys) {
    await cluster.run(() =>
      cluster.node('n1').put({ bucket: 'b', key: bytes(key), value: new Uint8Array(valueBytes).fill(key.length), w: 3 }),
    );
  }
  await cluster.start('n4');
  await cluster.until(() => intakes(cluster).some(({ share, stage }) => stage === 'streaming' && share > 0.3));
  return cluster;
}

function intakes(cluster: ClusterWorld): readonly IntakeReport[] {
  return cluster.nodes.get('n4')?.cluster().changes[0]?.takingOver ?? [];
}

async function expectJoined(cluster: ClusterWorld): Promise<void> {
  await cluster.until(() => cluster.node('n4').cluster().changes.length === 0 && cluster.node('n1').cluster().changes.length === 0);
  for (const key of keys) {
    const reply = await cluster.get('n4', key, { r: 3, pr: 3 });
    expect(reply.state === 'found' && reply.siblings.map(({ value }) => value.length)).toEqual([valueBytes]);
  }
}

describe('taking over', () => {
  it('is as fast as it may be and no faster, and says how far it is', async () => {
    const cluster = await takingOver(51);
    const startMs = cluster.world.nowMs;
    const [first] = intakes(cluster);
    expect(first).toMatchObject({ stage: 'streaming', trouble: '' });
    expect(first?.etaMs).toBeGreaterThan(0);
    await expectJoined(cluster);
    // More than a megabyte was left, at 200 kB a second.
    expect(cluster.world.nowMs - startMs).toBeGreaterThan(5000);
  });

  it('moves each object once, and compares with the others', async () => {
    const cluster = await takingOver(54);
    await expectJoined(cluster);
    const { moved } = cluster.node('n4').status();
    const holders = await Promise.all(keys.map(async (key) => (await cluster.node('n4').inspect('b', bytes(key))).isOwner));
    const gained = holders.filter((isOwner) => isOwner).length;
    expect(moved['takenObjects']).toBe(gained);
    expect(moved['mendedObjects']).toBe(0);
    expect(moved['takenBytes']).toBeGreaterThan(gained * valueBytes);
    expect(moved['takenBytes']).toBeLessThan(gained * valueBytes * 1.05);
    const given = ['n1', 'n2', 'n3'].map((name) => cluster.node(name).status().moved['givenObjects']);
    expect(given.reduce((sum, objects) => sum + objects)).toBe(gained);
    expect(Math.min(...given)).toBeGreaterThan(0);
  });

  it('goes on from its last note after the process was killed', async () => {
    const cluster = await takingOver(52);
    const before = intakes(cluster).find(({ stage }) => stage === 'streaming');
    cluster.kill('n4');
    await cluster.world.advance(500);
    await cluster.revive('n4');
    await cluster.until(() => intakes(cluster).some(({ source }) => source === before?.source));
    const after = intakes(cluster).find(({ source }) => source === before?.source);
    expect(before?.bytes).toBeGreaterThan(200_000);
    // What comes again is what lies between two notes, and the page that was on its way.
    expect(after?.bytes).toBeGreaterThanOrEqual((before?.bytes ?? 0) - limits.transferNoteBytes - 262_144);
    expect(after?.bytes).toBeGreaterThan(0);
    await expectJoined(cluster);
  });

  it('goes on where it was when the one that gives was killed', async () => {
    const cluster = await takingOver(53);
    const source = intakes(cluster).find(({ stage }) => stage === 'streaming')?.source ?? '';
    cluster.kill(source);
    await cluster.until(() => intakes(cluster).some((intake) => intake.source === source && intake.trouble !== ''));
    const stuck = intakes(cluster).find((intake) => intake.source === source)?.share ?? 0;
    expect(stuck).toBeGreaterThan(0.3);
    await cluster.revive(source);
    await cluster.until(() => intakes(cluster).every((intake) => intake.source !== source || intake.trouble === ''));
    expect(intakes(cluster).find((intake) => intake.source === source)?.share ?? 1).toBeGreaterThanOrEqual(stuck);
    await expectJoined(cluster);
  });
});

describe('a newcomer one of whose sources is silent', () => {
  it('has what the others have of all that it is to hold, and nothing comes twice when that one is back', async () => {
    const cluster = await takingOver(55);
    const source = intakes(cluster).find(({ stage }) => stage === 'streaming')?.source ?? '';
    cluster.kill(source);
    await cluster.world.advance(40_000);
    // Nothing is left to stream, but the newcomer is not done with the one that is silent.
    expect(intakes(cluster).filter(({ stage }) => stage !== 'done')).toMatchObject([{ source, stage: 'comparing' }]);
    expect(intakes(cluster).find((intake) => intake.source === source)?.trouble).not.toBe('');
    expect(cluster.node('n4').cluster().changes[0]?.phase).toBe('dual-write');
    const held = await Promise.all(keys.map(async (key) => (await cluster.copies(key, ['n4']))[0]?.etag !== undefined));
    const moved = cluster.node('n4').status().moved['takenObjects'] ?? 0;
    await cluster.revive(source);
    await expectJoined(cluster);
    const gained = await Promise.all(keys.map(async (key) => (await cluster.node('n4').inspect('b', bytes(key))).isOwner));
    expect(held).toEqual(gained);
    expect(cluster.node('n4').status().moved).toMatchObject({ takenObjects: moved, mendedObjects: 0 });
  });
});

describe('newcomers that have taken over', () => {
  it('vouch for what they lack as soon as others read from them', async () => {
    const cluster = await new ClusterWorld(58, { limits }).startAll(3);
    await Promise.all(['n4', 'n5', 'n6'].map((name) => cluster.start(name)));
    const phase = (): string | undefined => cluster.node('n1').cluster().changes[0]?.phase;
    // It may be over within a few milliseconds.
    await cluster.until(() => phase() === 'read-new', 60_000, 2);
    for (let number = 0; phase() === 'read-new'; number++) {
      expect(await cluster.values('n1', `never written ${number}`, { r: 3, pr: 3 })).toBe('missing');
    }
    await cluster.until(() => cluster.node('n1').cluster().members.length === 6);
  });
});
