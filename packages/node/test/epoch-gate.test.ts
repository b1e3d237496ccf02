import { describe, expect, it } from 'vitest';
import { EpochGate } from '../src/peers/epoch-gate.ts';

/** Work that ends when it is told. */
function open(): { readonly work: () => Promise<void>; end(): void } {
  let end = (): void => undefined;
  const promise = new Promise<void>((resolve) => (end = resolve));
  return { work: () => promise, end: () => end() };
}

describe('the epoch gate', () => {
  it('refuses who comes by an older ring', async () => {
    const gate = new EpochGate(() => 7);
    await expect(gate.run(6, () => Promise.resolve())).rejects.toMatchObject({
      code: 'STALE_RING',
      details: { mayHaveTakenEffect: false, epoch: 7 },
    });
    expect(await gate.run(7, () => Promise.resolve('in'))).toBe('in');
    expect(await gate.run(9, () => Promise.resolve('of a newer ring'))).toBe('of a newer ring');
  });

  it('is drained when what began under an older ring has ended, well or not', async () => {
    let ringEpoch = 3;
    const gate = new EpochGate(() => ringEpoch);
    const [first, second, later] = [open(), open(), open()];
    const running = [gate.run(3, first.work), gate.run(3, second.work).catch(() => undefined)];
    ringEpoch = 5;
    const newer = gate.run(5, later.work);
    let drained = false;
    const barrier = gate.drained(5).then(() => (drained = true));
    first.end();
    await running[0];
    expect(drained).toBe(false);
    second.end();
    await barrier;
    expect(drained).toBe(true);
    later.end();
    await newer;
  });
});
