import { describe, expect, it } from 'vitest';
import { judgeLife } from '../src/store/life.ts';
import { World } from './world.ts';

const record = { stoppedCleanly: true, incarnation: '9f02c41b6d3e8a75', counter: 7, ranMs: 0 };
const file = { incarnation: record.incarnation, genuine: true };

describe('whether a life goes on', () => {
  it('only after a clean stop, with the very file that says so', () => {
    expect(judgeLife(record, file)).toEqual({ keep: record });
  });

  it.each([
    ['new', 'may lack', undefined, undefined],
    ['new, with an old file about', 'may lack', undefined, file],
    ['not stopped cleanly', 'all there', { ...record, stoppedCleanly: false }, file],
    ['not stopped cleanly, and a copy', 'may lack', { ...record, stoppedCleanly: false }, { ...file, genuine: false }],
    ['without its file', 'may lack', record, undefined],
    ['a copy of the directory', 'may lack', record, { ...file, genuine: false }],
    ['with the file of another life', 'may lack', record, { ...file, incarnation: '0000000000000001' }],
  ])('not if the store is %s; its data %s', (_, data, found, beside) => {
    expect(judgeLife(found, beside)).toEqual({ mint: expect.any(String), data });
  });
});

describe('lives of a store', () => {
  it('end with an unclean stop', async () => {
    const world = await new World().start();
    await world.put('k', 'v');
    const { incarnation, nodeId } = world.node.status();
    await world.start();
    expect(world.node.status().nodeId).toBe(nodeId);
    expect(world.node.status().incarnation).not.toBe(incarnation);
    await world.put('k', 'w', { context: await world.context('k') });
    expect(await world.values('k')).toEqual(['w']);
  });

  it('end when the identity file is a copy, or gone', async () => {
    const world = await new World().start();
    for (const treat of ['copy', 'remove'] as const) {
      const { incarnation } = world.node.status();
      await world.run(world.node.close());
      const { files } = world.simulation.environment;
      const said = world.simulation.disk.contents('/data/identity');
      files.removeSync('/data/identity');
      if (treat === 'copy') {
        const other = files.openSync('/data/other', 'create');
        const handle = files.openSync('/data/identity', 'create');
        handle.writeSync(said, 0, said.length, 0);
        handle.closeSync();
        other.closeSync();
      }
      await world.start();
      expect(world.node.status().incarnation).not.toBe(incarnation);
    }
  });

  it('end while running, when the store meets its own future (scenario 2: a backup is put back unnoticed)', async () => {
    const world = await new World().start();
    await world.put('k', 'kept');
    await world.run(world.node.close());
    const backup = world.disk.copy();
    await world.start();
    const { incarnation } = world.node.status();
    // Acknowledged after the backup was taken; a client holds the context, as another replica would hold the object.
    const { context } = await world.put('k', 'lost with the disk', { context: await world.context('k') });
    await world.run(world.node.close());
    world.disk = backup;
    await world.start();
    expect(world.node.status().incarnation).toBe(incarnation);
    await world.put('k', 'after', { context });
    expect(world.node.status().incarnation).not.toBe(incarnation);
    expect(await world.values('k')).toEqual(['after']);
    const page = await world.get('k');
    if (page.state === 'missing') throw new Error('found');
    // What the client had seen is replaced; a value of the same age that it had not seen is not.
    await world.put('l', 'other');
    expect(await world.values('l')).toEqual(['other']);
  });

  it('never give a dot twice over any mix of clean and unclean stops', async () => {
    const world = await new World().start();
    const dots = new Set<string>();
    let writes = 0;
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 3; i++) {
        const before = world.node.status();
        await world.put(`k${i}`, 'v');
        const { incarnation, store } = world.node.status();
        expect(incarnation).toBe(before.incarnation);
        dots.add(`${incarnation} ${store['dotCounter']}`);
        writes += 1;
      }
      await (round % 3 === 0 ? world.start() : world.restart());
    }
    expect(dots.size).toBe(writes);
  });
});
