/** What a write has seen holds wherever it is coordinated, and one operation is one write, however many nodes took it. */
import { describe, expect, it } from 'vitest';
import { ClusterWorld } from './cluster-world.ts';

/** Three nodes that all hold the key; n1 is cut off. */
async function cutOff(seed: number): Promise<{ readonly world: ClusterWorld; heal(): void }> {
  const world = await new ClusterWorld(seed).startAll(3);
  await world.put('n2', 'k', 'other', { w: 3 });
  const cut = world.world.network.partition(['n1'], ['n2', 'n3']);
  return { world, heal: () => cut.undo() };
}

/** Waits until each store alone says that the copies are equal. */
async function untilEqual(world: ClusterWorld): Promise<void> {
  for (let waited = 0; ; waited += 1) {
    await world.world.advance(500);
    const copies = await world.copies('k', ['n1', 'n2', 'n3']).catch(() => []);
    if (copies.length === 3 && new Set(copies.map(({ etag }) => etag)).size === 1) return;
    if (waited > 100) throw new Error(`the copies stay apart: ${JSON.stringify(copies)}`);
    await world.get('n2', 'k', { r: 3 }).catch(() => undefined);
  }
}

describe("a context from a write's answer alone", () => {
  it('replaces that write also where it has not arrived yet, and nothing else', async () => {
    const { world, heal } = await cutOff(51);
    const x = await world.put('n1', 'k', 'x', { w: 1 });
    const y = await world.put('n2', 'k', 'y', { w: 2, context: x.context });
    const z = await world.put('n3', 'k', 'z', { w: 2, context: y.context });
    expect(await world.values('n2', 'k', { r: 2 })).toEqual(['other', 'z']);
    heal();
    await untilEqual(world);
    expect(await world.values('n1', 'k', { r: 3 })).toEqual(['other', 'z']);
    expect(z.reached.primaries).toBeGreaterThanOrEqual(2);
  });
});

describe('one operation that two nodes took', () => {
  it('leaves nothing behind beside what replaced it', async () => {
    const { world, heal } = await cutOff(52);
    await world.put('n1', 'k', 'x', { w: 1, operation: 'op' });
    await world.put('n2', 'k', 'x', { w: 2, operation: 'op' });
    const read = await world.get('n2', 'k', { r: 2 });
    await world.put('n2', 'k', 'z', { w: 2, ...(read.state === 'missing' ? {} : { context: read.context }) });
    heal();
    await untilEqual(world);
    expect(await world.values('n1', 'k', { r: 3 })).toEqual(['z']);
  });

  it('is replaced as one, also by somebody who was told of one of its dots and at a store that has the other', async () => {
    const { world, heal } = await cutOff(54);
    await world.put('n1', 'k', 'x', { w: 1, operation: 'op' });
    const x = await world.put('n2', 'k', 'x', { w: 2, operation: 'op' });
    await world.put('n1', 'k', 'z', { w: 1, context: x.context });
    heal();
    await untilEqual(world);
    expect(await world.values('n3', 'k', { r: 3 })).toEqual(['other', 'z']);
  });

  it('is answered, and not carried out, where the key knows it: as a value, and as replaced', async () => {
    const world = await new ClusterWorld(53).startAll(3);
    const first = await world.put('n1', 'k', 'x', { w: 3, operation: 'op' });
    const before = await world.copies('k', ['n1', 'n2', 'n3']);
    const again = await world.put('n2', 'k', 'x', { w: 3, operation: 'op' });
    expect({ ...again, reached: undefined }).toEqual({ ...first, reached: undefined });
    expect(await world.copies('k', ['n1', 'n2', 'n3'])).toEqual(before);

    await world.put('n3', 'k', 'z', { w: 3, context: first.context });
    const after = await world.copies('k', ['n1', 'n2', 'n3']);
    const late = await world.put('n2', 'k', 'x', { w: 3, operation: 'op' });
    expect(late.etag).not.toBe(first.etag);
    expect(await world.copies('k', ['n1', 'n2', 'n3'])).toEqual(after);
    expect(await world.values('n1', 'k', { r: 3 })).toEqual(['z']);
  });
});
