/** Taking over, where what comes cannot be kept. */
import { describe, expect, it } from 'vitest';
import { noPeers } from '../src/peers/peers.ts';
import { placeOf } from '../src/core.ts';
import { Pace } from '../src/transfer/pace.ts';
import { mergeWindow, takeOver, type TransferProgress } from '../src/transfer/transfer.ts';
import { AmongPeers, idOf, stateOf } from './among-peers.ts';
import { bytes } from './world.ts';

describe('a page that is taken over', () => {
  it('fails as one when its first objects fail while the last are still being begun', async () => {
    const among = await new AmongPeers(stateOf(3, [0, 1, 2])).start();
    const { core, world } = among;
    const records = Array.from({ length: 4 * mergeWindow }, (_, i) => ({
      objectKey: placeOf(core, 'b', bytes(`k${i}`)).address.objectKey,
      object: new Uint8Array(0),
    }));
    among.peers = { ...noPeers, page: () => Promise.resolve({ records }) };
    const progress: TransferProgress = { objects: 0, bytes: 0, cursor: undefined };
    const pace = new Pace(world.simulation.environment, 1e9);
    const taking = takeOver(core, { source: idOf(1), ranges: [[0, 64]] }, { progress, pace });
    await expect(world.run(taking)).rejects.toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    expect(progress.objects).toBe(0);
  });
});
