/** What is measured: subjects, the ways to ask each, and the phases that each way goes through. */

/** The bucket whose later writes replace earlier ones, as etcd's puts do, and one that keeps siblings. */
export const overwriting = 'bench';
const keepingSiblings = 'siblings';

const put = (w) => ({ id: `put.w${w}`, do: 'put', bucket: overwriting, w });
const coteriePhases = [
  put(1),
  put(2),
  put(3),
  { id: 'get.r1', do: 'get', bucket: overwriting, r: 1, exact: false },
  { id: 'get.r2', do: 'get', bucket: overwriting, r: 2, exact: true },
  { id: 'put.w2.context', do: 'put', bucket: keepingSiblings, w: 2, withContext: true },
];
const etcdPhases = [
  { id: 'put', do: 'put' },
  { id: 'get', do: 'get', exact: true },
  { id: 'get.serializable', do: 'get', serializable: true, exact: false },
];

/** Ways to ask Coterie. `targets`: whether all members are asked, or the first alone. */
export const coterieWays = [
  { id: 'http', dialect: 'coterie-http', targets: 'all', phases: coteriePhases },
  { id: 'client', dialect: 'coterie-client', targets: 'all', phases: coteriePhases },
];

/** Ways to ask etcd. Its leader comes first among the targets; a line of its own goes there too. */
export const etcdWays = [
  { id: 'gateway', dialect: 'etcd-gateway', targets: 'all', phases: etcdPhases },
  { id: 'gateway-leader', dialect: 'etcd-gateway', targets: 'first', phases: etcdPhases, onlyInFlight: 50 },
  { id: 'grpc-leader', dialect: 'etcd-grpc', targets: 'first', phases: etcdPhases },
];

/** Operations in flight: on as many connections over HTTP, and altogether through a client. */
export const inFlights = [1, 50];
