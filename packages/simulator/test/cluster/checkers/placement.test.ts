import { expect, it } from 'vitest';
import { checkZones, type ZonedCluster } from '../../../src/cluster/checkers/placement.ts';

const member = (zone: string, how: { readonly isLeaving?: boolean; readonly isLost?: boolean } = {}) => ({
  zone,
  isLeaving: false,
  isLost: false,
  ...how,
});
const among = (...members: ZonedCluster['members']): ZonedCluster => ({ epoch: 7, changes: [], members });

it('copies are to lie in as many zones as there are', () => {
  const cluster = among(member('x'), member('x'), member('y'), member('z'));
  expect(checkZones(cluster, { replicas: [[0, 2, 3]] })).toEqual([]);
  expect(
    checkZones(cluster, {
      replicas: [
        [0, 2, 3],
        [0, 1, 2],
      ],
    }),
  ).toEqual(['at epoch 7 partition 1 lies in the zones x x y, and there are 3']);
});

it('fewer zones than copies, or none at all, are borne', () => {
  expect(checkZones(among(member('x'), member('x'), member('y')), { replicas: [[0, 1, 2]] })).toEqual([]);
  expect(checkZones(among(member(''), member(''), member('')), { replicas: [[0, 1, 2]] })).toEqual([]);
});

it('nothing is judged while something moves, and who leaves offers no zone', () => {
  const replicas = [[0, 1]];
  const cluster = among(member('x'), member('x'), member('y'));
  expect(checkZones(cluster, { replicas })).toHaveLength(1);
  expect(checkZones({ ...cluster, changes: [{}] }, { replicas })).toEqual([]);
  expect(checkZones(among(member('x'), member('x'), member('y', { isLeaving: true })), { replicas })).toEqual([]);
  expect(checkZones(among(member('x'), member('x'), member('y', { isLost: true })), { replicas })).toEqual([]);
});
