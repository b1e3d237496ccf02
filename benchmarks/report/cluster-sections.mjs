/** The sections on three nodes beside etcd, and on where their processor time goes. */
import { goalsOf, rowsOf, spreadOf } from './cluster-rows.mjs';
import { plain, rate, table, verdict, withSpread } from './format.mjs';

const ways = {
  http: 'HTTP, connections over all nodes',
  client: '`@coterie/client`',
  gateway: 'HTTP gateway, connections over all members',
  'gateway-leader': 'HTTP gateway of the leader',
  'grpc-leader': 'gRPC to the leader, one session',
};
const phases = {
  'put.w1': 'put, w=1',
  'put.w2': 'put, w=2',
  'put.w3': 'put, w=3',
  'put.w2.context': 'put, w=2, with its context',
  'get.r1': 'get, r=1',
  'get.r2': 'get, r=2',
  put: 'put',
  get: 'get, linearizable',
  'get.serializable': 'get, serializable',
};
const names = { coterie: 'Coterie', etcd: 'etcd' };

/** Everything measured, and how ours stands against etcd's. */
export function clusterSection(run) {
  const { machine, rounds, seconds, keys, etcd, startedAt } = run;
  const beside = etcd === undefined ? 'etcd was not installed' : `beside three members of etcd ${etcd}`;
  return [
    '## Three nodes',
    '',
    `\`node cluster/run.mjs\`: three nodes as processes of one machine, ${beside}; ${rounds} interleaved rounds of ${seconds} s a row, ${keys.toLocaleString('en')} keys, values of 100 bytes; ${startedAt.slice(0, 10)}.`,
    `${machine.cpu}, ${machine.memory}, ${machine.disk}, ${machine.kernel}, Node ${machine.node}.`,
    '',
    goalTable(run),
    '',
    method,
    '',
    rowTable(run),
  ].join('\n');
}

const method = [
  '- Every acknowledged write is synced (fdatasync) by as many stores as the row says: by w nodes, and by a majority of etcd. Both clusters run with their defaults, on the same file system.',
  '- Before it is measured each cluster takes 100,000 puts and some seconds of everything that follows: machine code, caches, and the first table that a store of ours writes.',
  '- The load is one process with that many connections (HTTP) or operations in flight (client, gRPC), each sending when its last answer came. With one connection etcd is asked at its leader. Each key is written by one connection at a time.',
  '- Later puts replace earlier ones: of a bucket with `lww` here, as with every key of etcd. *With its context* is a bucket that keeps siblings, and each put carries what the one before answered.',
  '- CPU is of whole processes (all threads, user and system), summed over the three, per operation; on two cores it is what bounds the rates. The load is counted apart.',
  '- Every read is held against what was written: key, whole value, and, where two of three (or a linearizable read) vouch for it, exactly the last version acknowledged. At the end all keys are read back so. *Older* counts reads with r=1, or serializable ones, that showed an earlier version.',
  "- etcd's native protocol is gRPC; its HTTP gateway turns JSON into gRPC inside the member, which costs it processor time. Rates of the gRPC row are bounded by the load, whose HTTP/2 is Node's; its CPU column is etcd's own.",
].join('\n');

function goalTable(run) {
  const rows = goalsOf(run).map(({ title, ratio, target, isMet }) => [title, `${plain(ratio)}×`, `${target}×`, verdict(isMet)]);
  if (rows.length === 0) return 'No goals: there is nothing to compare with.';
  return table(["Coterie over HTTP beside the better of etcd's gateway rows", 'ratio', 'at least', 'met'], rows);
}

function rowTable(run) {
  const lines = rowsOf(run).map((row) => {
    const median = (pick) => plain(spreadOf(row, pick)?.median);
    return [
      names[row.subject],
      ways[row.way],
      row.inFlight,
      phases[row.phase],
      withSpread(
        spreadOf(row, (sample) => sample.rate),
        rate,
      ),
      median((sample) => sample.latency.p50),
      median((sample) => sample.latency.p99),
      median((sample) => sample.latency.p999),
      median((sample) => sample.serverCpuUs),
      median((sample) => sample.loadCpuUs),
      row.samples.reduce((sum, sample) => sum + sample.older, 0),
    ];
  });
  const header = ['', 'asked over', 'in flight', '', 'per second', 'p50 ms', 'p99', 'p99.9', 'CPU µs/operation', 'load CPU µs', 'older'];
  return table(header, lines);
}

/** Shares below this are summed as the rest. */
const shownShare = 0.01;

/** Where the main thread of one node of three spends its time. */
export function clusterProfileSection(profiles) {
  const parts = profiles.map((profile) => [
    `### ${phases[profile.phase]}, ${profile.inFlight} in flight: ${rate(profile.rate)} a second`,
    '',
    table(['self', 'part'], partRows(profile.parts)),
    '',
    table(
      ['self', 'function', 'where'],
      profile.entries.map(({ share, name, where }) => [percent(share), `\`${name}\``, where]),
    ),
  ]);
  return [
    '## Where the processor time of a quorum operation goes',
    '',
    '`node cluster/profile.mjs`: self time on the main thread of one node of three, by `node --cpu-prof`. It samples time that passes, so a system call that wakes another thread is shown with the time that the woken one takes the core for: `fdatasync` and the writes to sockets look larger than they are. *Native code* is what built-in functions do, writing to sockets first of all.',
    '',
    ...parts.flatMap((lines) => [...lines, '']),
  ]
    .join('\n')
    .trimEnd();
}

function partRows(parts) {
  const shown = parts.filter(({ share }) => share >= shownShare);
  const rest = parts.filter(({ share }) => share < shownShare).reduce((sum, { share }) => sum + share, 0);
  return [...shown.map(({ name, share }) => [percent(share), `\`${name}\``]), [percent(rest), `${parts.length - shown.length} others`]];
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}
