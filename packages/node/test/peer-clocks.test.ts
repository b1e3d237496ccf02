import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PeerClocks } from '../src/peers/peer-clocks.ts';
import { ClusterWorld } from './cluster-world.ts';
import { bytes } from './world.ts';

const hourMs = 3_600_000;

/** The middle of all clocks by the words: of two, the nearer to ours. */
function middle(offsets: readonly number[]): number {
  const sorted = [0, ...offsets].sort((a, b) => a - b);
  if (sorted.length < 3) return 0;
  const below = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  const above = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return Math.abs(below) <= Math.abs(above) ? below : above;
}

describe('the clocks of the others', () => {
  it('have a middle, ours among them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -hourMs, max: hourMs }), { maxLength: 7 }), (offsets) => {
        const clocks = new PeerClocks();
        // Our clock says 5000 when our monotonic one says 100; each answer took from 90 to 110.
        for (const [i, offset] of offsets.entries()) clocks.note(`m${i}`, 5000 + offset, { askedMs: 90, atMs: 110 });
        expect(clocks.offsetMs(110, 5010)).toBe(middle(offsets) + 0);
      }),
    );
  });

  it('show a jump of our own at once, and are forgotten after a minute', () => {
    const clocks = new PeerClocks();
    for (const member of ['a', 'b']) clocks.note(member, 1000, { askedMs: 0, atMs: 0 });
    expect(clocks.offsetMs(5, 1005)).toBe(0);
    expect(clocks.offsetMs(10, 1010 + hourMs)).toBe(-hourMs);
    expect(clocks.offsetMs(60_001, 0)).toBe(0);
  });

  it('are remembered of so many members, the latest heard', () => {
    const clocks = new PeerClocks();
    for (let i = 0; i < 4; i++) clocks.note(`wrong${i}`, hourMs, { askedMs: 0, atMs: 0 });
    for (let i = 0; i < 7; i++) clocks.note(`right${i}`, 0, { askedMs: 0, atMs: 0 });
    expect(clocks.offsetMs(0, 0)).toBe(0);
  });
});

describe('a node whose clock is far from the others', () => {
  /** Three nodes with an `lww` bucket, n1 an hour ahead. */
  async function withOneAhead(): Promise<ClusterWorld> {
    const cluster = await new ClusterWorld(41).startAll(3);
    await cluster.run(() => cluster.node('n1').setBucket('b', { conflict: 'lww' }));
    await cluster.until(() => ['n1', 'n2', 'n3'].every((name) => cluster.node(name).epoch === cluster.node('n1').epoch));
    cluster.machine('n1').clock.jump(hourMs);
    await cluster.world.advance(15_000);
    return cluster;
  }

  it('has others coordinate lww writes: they outlive none that came after them', async () => {
    const cluster = await withOneAhead();
    await cluster.put('n1', 'k', 'first, at the node that is ahead', { w: 3 });
    await cluster.put('n2', 'k', 'later', { w: 3 });
    expect(await cluster.values('n3', 'k', { r: 3 })).toEqual(['later']);
    expect(cluster.lines.filter((line) => /n1 warn this clock is far .*-(3599|3600)[0-9]{3}/.test(line))).toHaveLength(1);
    cluster.machine('n1').clock.jump(-hourMs);
    await cluster.world.advance(15_000);
    expect(cluster.lines.some((line) => /n1 info this clock is near/.test(line))).toBe(true);
  });

  it('takes them itself when nobody else can be reached', async () => {
    const cluster = await withOneAhead();
    cluster.kill('n2');
    cluster.kill('n3');
    await cluster.run(() => cluster.node('n1').put({ bucket: 'b', key: bytes('k'), value: bytes('v'), w: 1 }));
    expect(await cluster.values('n1', 'k', { r: 1 })).toEqual(['v']);
  });
});
