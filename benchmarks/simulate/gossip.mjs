/**
 * Membership alone at scale, in virtual time: `node simulate/gossip.mjs SCENARIO [NODES] [MINUTES] [SEED] [LOSS]`, over the built package.
 *
 *   death   members die one after another at 5 % loss (or LOSS): after how long does everybody know?
 *   quiet   nobody dies, messages get lost for MINUTES: is anybody called dead?
 *   heal    a cut in two halves for a minute, then healed: after how long do all lists agree?
 *   slow    one member in ten is stopped for 1 to 8 s time and again: is anybody else called dead?
 *
 * Every run also prints bytes per member and second. Ten thousand members need some 6 GB: `node --max-old-space-size=12000`.
 */
import { performance } from 'node:perf_hooks';
import { Catalogue, GossipMachine } from '../../packages/gossip/dist/index.js';
import { Sfc32, VirtualCluster } from '../../packages/gossip/test/virtual-cluster.mjs';

const [scenario = 'death', nodesText = '1000', minutesText = '10', seedText = '1', lossText = '0.05'] = process.argv.slice(2);
const nodes = Number(nodesText);
const minutes = Number(minutesText);
const seed = Number(seedText);
const loss = Number(lossText);

const profiles = makeProfiles();
/** Called for each verdict: (who judged, whom, at what time). */
let onVerdict = (_judge, _id, _is) => {};

const cluster = new VirtualCluster({
  seed,
  loss,
  latencyMs: [1, 40],
  onEffect: (judge, effect) => {
    if (effect.kind === 'changed' && effect.was !== undefined) onVerdict(judge, effect.id, effect.is);
  },
});

function makeProfiles() {
  const random = new Sfc32(seed * 7919);
  const word = () => random.u32().toString(16).padStart(8, '0');
  return Array.from({ length: nodes }, (_, i) => ({
    id: word() + word(),
    incarnation: 1,
    address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:7072`,
    zone: `dc1/rack${i % 40}`,
    weight: 1,
    extensions: new Map(),
  }));
}

/** All members know each other from the start. */
function begin() {
  const catalogue = new Catalogue();
  for (const self of profiles) catalogue.acquire(self.id);
  for (const [i, self] of profiles.entries()) {
    const machine = new GossipMachine({ self, incarnation: 1, cluster: 'simulated', random: new Sfc32(seed * 1_000_003 + i), catalogue });
    machine.introduce(0, profiles);
    cluster.add(machine, self.address);
  }
}

/** Bytes sent by each member since `before`, per second of `ms`. */
function traffic(before, ms) {
  const rates = cluster.machines.map((machine, i) => ((machine.counters.sentBytes - before[i]) * 1000) / ms);
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / nodes;
  return `${mean.toFixed(0)} B/s for each member on average, ${Math.max(...rates).toFixed(0)} for the busiest`;
}

const sentBytes = () => cluster.machines.map((machine) => machine.counters.sentBytes);

function death() {
  const victims = 8;
  const everyMs = 20_000;
  const known = new Map();
  cluster.run(30_000);
  const before = sentBytes();
  const times = [];
  let wrong = 0;
  onVerdict = (_, id, is) => {
    if (is !== 'dead') return;
    const victim = known.get(id);
    if (victim === undefined) wrong++;
    else if (++victim.by === nodes - known.size) times.push(cluster.now - victim.at);
  };
  for (let i = 0; i < victims; i++) {
    const victim = Math.floor((nodes / victims) * i);
    cluster.stop(victim);
    known.set(profiles[victim].id, { at: cluster.now, by: 0 });
    cluster.run(cluster.now + everyMs);
  }
  const late = [...known.values()].filter(({ by }) => by < nodes - victims).length;
  console.log(
    `${victims} deaths known to all after ${times.map((ms) => (ms / 1000).toFixed(1)).join(', ')} s; ${late} not known to all; ${wrong} wrong verdicts`,
  );
  console.log(traffic(before, victims * everyMs));
}

function quiet() {
  cluster.run(30_000);
  const before = sentBytes();
  const wrong = new Set();
  let suspicions = 0;
  onVerdict = (_, id, is) => {
    if (is === 'dead') wrong.add(id);
    if (is === 'suspect') suspicions++;
  };
  for (let i = 0; i < minutes; i++) cluster.run(cluster.now + 60_000);
  console.log(
    `${(nodes * minutes).toLocaleString('en')} node-minutes: ${wrong.size} members called dead by anybody, ${(suspicions / nodes).toFixed(1)} suspicions that all heard of`,
  );
  console.log(traffic(before, minutes * 60_000));
}

function heal() {
  cluster.run(20_000);
  const half = Math.floor(nodes / 2);
  const before = sentBytes();
  cluster.isOpen = (from, to) => from < half === to < half;
  cluster.run(cluster.now + 60_000);
  const up = cluster.machines.map((machine) => machine.size.up);
  console.log(`after a minute of cut, members see ${Math.min(...up)} to ${Math.max(...up)} of ${nodes} up`);
  cluster.isOpen = () => true;
  const healedAt = cluster.now;
  const isWhole = () => cluster.machines.every((machine) => machine.size.up === nodes);
  while (!isWhole() && cluster.now < healedAt + minutes * 60_000) cluster.run(cluster.now + 500);
  console.log(isWhole() ? `whole again after ${(cluster.now - healedAt) / 1000} s` : 'not whole again in time');
  console.log(traffic(before, cluster.now - 20_000));
}

function slow() {
  cluster.run(30_000);
  const before = sentBytes();
  const random = new Sfc32(seed + 77);
  const isSlow = (i) => i % 10 === 0;
  const indexOf = new Map(profiles.map(({ id }, i) => [id, i]));
  const wrong = { healthy: new Set(), slow: new Set() };
  onVerdict = (_, id, is) => {
    if (is === 'dead') wrong[isSlow(indexOf.get(id)) ? 'slow' : 'healthy'].add(`${id} ${Math.floor(cluster.now / 60_000)}`);
  };
  const wakeAt = new Map();
  for (let second = 0; second < minutes * 60; second++) {
    for (let i = 0; i < nodes; i += 10) {
      if (!wakeAt.has(i) && random.fraction() < 0.1) {
        cluster.stop(i);
        wakeAt.set(i, cluster.now + 1000 + random.fraction() * 7000);
      } else if (cluster.now >= (wakeAt.get(i) ?? Number.POSITIVE_INFINITY)) {
        wakeAt.delete(i);
        cluster.resume(i);
      }
    }
    cluster.run(cluster.now + 1000);
  }
  console.log(
    `${(nodes * minutes).toLocaleString('en')} node-minutes: of members that were well ${wrong.healthy.size} called dead, of those that were stopped ${wrong.slow.size} times in a minute`,
  );
  console.log(traffic(before, minutes * 60_000));
}

const startedAt = performance.now();
begin();
console.log(
  `${nodes} members begin after ${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${(process.memoryUsage.rss() / 2 ** 30).toFixed(1)} GB`,
);
({ death, quiet, heal, slow })[scenario]();
console.log(
  `${(cluster.now / 1000).toFixed(0)} s of virtual time in ${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${(process.memoryUsage.rss() / 2 ** 30).toFixed(1)} GB`,
);
