/**
 * Scenario 2: a coordinator loses its copy and makes a dot that it made before; peers take the new write for the old one.
 * The fix: dots belong to a life of the store, and a store that was lost begins a new one. It is switched off by giving
 * the empty store its former life record, as if it had stopped cleanly.
 */
import { describe, expect, it } from 'vitest';
import { type OwnRecords, Scene } from './scene.ts';

async function writeLoseAndWrite(forge: (life: Uint8Array) => OwnRecords): Promise<string[]> {
  const scene = await new Scene(2, 3).form();
  await scene.put('n1', 'first', { w: 3 });
  const life = (await scene.ownRecords('n1', ['life'])).get('life') ?? new Uint8Array();
  scene.kill('n1');
  scene.loseStore('n1', forge(life));
  const cut = scene.world.network.partition(['n1'], ['n2', 'n3']);
  await scene.start('n1');
  await scene.put('n1', 'second', { w: 1 });
  cut.undo();
  await scene.reunite();
  return scene.values('n2', { r: 3 });
}

describe('a dot made twice', () => {
  it('never is: both values are there', async () => {
    expect(await writeLoseAndWrite(() => new Map())).toEqual(['first', 'second']);
  });

  it('costs a value when the lost store goes on with its former life', async () => {
    const values = await writeLoseAndWrite((life) => new Map([['life', Uint8Array.from(life, (byte, at) => (at === 1 ? 1 : byte))]]));
    expect(values).toHaveLength(1);
  });
});
