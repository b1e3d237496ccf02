import { describe, expect, it } from 'vitest';
import { HandleCache } from '../src/index.ts';
import { MemoryFiles } from './support/memory-files.ts';

function files(...names: string[]): MemoryFiles {
  const memory = new MemoryFiles();
  for (const name of names) memory.contents.set(name, new Uint8Array(1));
  return memory;
}

describe('a handle cache', () => {
  it('opens a file once and keeps it', async () => {
    const memory = files('a');
    const handles = new HandleCache(memory.files, { maxOpen: 2 });
    const [one, two] = await Promise.all([handles.acquire('a'), handles.acquire('a')]);
    expect(two).toBe(one);
    expect(memory.openHandles).toBe(1);
    handles.release(one);
    handles.release(two);
    expect(handles.acquireSync('a')).toBe(one);
    expect(memory.openHandles).toBe(1);
  });

  it('closes the file idle for longest to make room', () => {
    const memory = files('a', 'b', 'c');
    const handles = new HandleCache(memory.files, { maxOpen: 2 });
    for (const path of ['a', 'b', 'a', 'c']) handles.release(handles.acquireSync(path));
    expect(memory.mostOpenHandles).toBe(2);
    const a = handles.acquireSync('a');
    expect(memory.openHandles).toBe(2);
    handles.release(a);
  });

  it('lets async reads wait while all are busy, and serves them in turn', async () => {
    const memory = files('a', 'b', 'c');
    const handles = new HandleCache(memory.files, { maxOpen: 1 });
    const order: string[] = [];
    const use = async (path: string): Promise<void> => {
      const file = await handles.acquire(path);
      await Promise.resolve();
      order.push(path);
      handles.release(file);
    };
    await Promise.all(['a', 'b', 'c', 'a', 'b', 'c'].map(use));
    expect(order).toHaveLength(6);
    expect(memory.mostOpenHandles).toBe(1);
  });

  it('opens one more for a sync read when all are busy, and closes it again', async () => {
    const memory = files('a', 'b');
    const handles = new HandleCache(memory.files, { maxOpen: 1 });
    const a = await handles.acquire('a');
    const b = handles.acquireSync('b');
    expect(memory.openHandles).toBe(2);
    handles.release(b);
    expect(memory.openHandles).toBe(1);
    handles.release(a);
  });

  it('copes with a sync read overtaking an async opening of the same file', async () => {
    const memory = files('a');
    const handles = new HandleCache(memory.files, { maxOpen: 4 });
    const opening = handles.acquire('a');
    const sync = handles.acquireSync('a');
    const async = await opening;
    handles.release(sync);
    handles.release(async);
    expect(memory.openHandles).toBe(1);
    expect(handles.openCount).toBe(1);
  });

  it('gives a handle up when the process has no more descriptors', async () => {
    const memory = files('a', 'b', 'c');
    const handles = new HandleCache(memory.files, { maxOpen: 10 });
    handles.release(handles.acquireSync('a'));
    memory.descriptors = 1;
    handles.release(handles.acquireSync('b'));
    const c = await handles.acquire('c');
    const a = handles.acquire('a');
    expect(() => handles.acquireSync('a')).toThrow(expect.objectContaining({ code: 'DISK_IO' }));
    await new Promise((resolve) => setImmediate(resolve));
    handles.release(c);
    handles.release(await a);
    expect(handles.openCount).toBe(memory.openHandles);
    memory.descriptors = 0;
    handles.shrink();
    await expect(new HandleCache(memory.files, { maxOpen: 10 }).acquire('a'), 'nobody here will give one back').rejects.toMatchObject({
      code: 'DISK_IO',
      details: { osCode: 'EMFILE' },
    });
  });

  it('gives a quarter back when the process is short of descriptors, and holds no more afterwards', () => {
    const memory = files('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
    const handles = new HandleCache(memory.files, { maxOpen: 100 });
    for (const name of 'abcdefgh') handles.release(handles.acquireSync(name));
    handles.shrink();
    expect(handles.openCount).toBe(6);
    for (const name of 'abcdefgh') handles.release(handles.acquireSync(name));
    expect(handles.openCount).toBe(6);
    const busy = Array.from('abcdef').map((name) => handles.acquireSync(name));
    handles.shrink();
    expect(handles.openCount).toBe(6);
    for (const file of busy) handles.release(file);
    expect(handles.openCount).toBe(4);
    expect(memory.openHandles).toBe(4);
  });

  it('forgets a removed file, closing it once it is idle', () => {
    const memory = files('a');
    const handles = new HandleCache(memory.files, { maxOpen: 2 });
    const a = handles.acquireSync('a');
    handles.forget('a');
    expect(memory.openHandles).toBe(1);
    handles.release(a);
    expect(memory.openHandles).toBe(0);
    handles.forget('a');
  });

  it('closes idle files at once and busy ones at their release', async () => {
    const memory = files('a', 'b');
    const handles = new HandleCache(memory.files, { maxOpen: 1 });
    const a = await handles.acquire('a');
    const waiting = handles.acquire('b');
    const overtaken = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
    handles.close();
    await overtaken;
    expect(memory.openHandles).toBe(1);
    handles.release(a);
    expect(memory.openHandles).toBe(0);
    expect(() => handles.acquireSync('a')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('closes a file whose opening ends after close', async () => {
    const memory = files('a');
    const handles = new HandleCache(memory.files, { maxOpen: 1 });
    const opening = handles.acquire('a');
    const late = expect(opening).rejects.toMatchObject({ code: 'CLOSED' });
    handles.close();
    await late;
    expect(memory.openHandles).toBe(0);
    expect(handles.openCount).toBe(0);
  });

  it('says what is wrong with a file that is not there, to all who wait', async () => {
    const handles = new HandleCache(files().files, { maxOpen: 1 });
    const results = await Promise.allSettled([handles.acquire('x'), handles.acquire('x'), handles.acquire('y')]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(handles.openCount).toBe(0);
  });
});
