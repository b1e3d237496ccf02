/**
 * Times the planner of `@coterie/ring` in clusters of up to 1,000 members, and shows what its plans are like: moves beside
 * the fewest, the worst load, distinct replica sets, scatter width. One run each, in CPU time of this process. Build first;
 * then `node benchmarks/micro/ring-plan.mjs [members]`.
 */
import { createRing, plan, preferenceListOf, fallbacks } from '@coterie/ring';

const most = Number(process.argv[2] ?? 1000);
const partitions = 16_384;
let made = 0;

function memberOf({ weights = 1, zones = 0 }) {
  const number = made++;
  const zone = zones === 0 ? {} : { zone: `dc1/rack${(number * 7) % zones}` };
  return { id: String(number).padStart(16, '0'), name: `node${number}`, weight: 1 + ((number * 5) % weights), ...zone };
}

function timed(name, ring, changes) {
  const before = process.cpuUsage();
  const planned = plan(ring, changes);
  const { user, system } = process.cpuUsage(before);
  const { moves, fewestMoves, after } = planned;
  const { worst, replicaSets, scatterWidth } = after;
  const milliseconds = ((user + system) / 1000).toFixed(0);
  console.log(
    `${name.padEnd(46)} ${milliseconds.padStart(6)} ms  ${String(moves.length).padStart(6)} moves, ${(moves.length / Math.max(1, fewestMoves)).toFixed(3)} of the fewest;` +
      ` worst load ${worst.toFixed(4)}, ${replicaSets} sets, scatter width ${scatterWidth}`,
  );
  return planned.ring;
}

const join = (member) => ({ kind: 'join', member });

function series(title, members, kinds) {
  console.log(`\n${members} members, ${title}, ${partitions} partitions, 3 copies`);
  const first = createRing({ partitions, members: [memberOf(kinds)] });
  let ring = timed(
    'all at once',
    first,
    Array.from({ length: members - 1 }, () => join(memberOf(kinds))),
  );
  ring = timed('one joins', ring, [join(memberOf(kinds))]);
  ring = timed(
    'ten join',
    ring,
    Array.from({ length: 10 }, () => join(memberOf(kinds))),
  );
  ring = timed('one leaves', ring, [{ kind: 'leave', id: ring.members[members >> 1].id }]);
  ring = timed(
    'ten leave',
    ring,
    Array.from({ length: 10 }, (_, i) => ({ kind: 'leave', id: ring.members[i * 3].id })),
  );
  ring = timed('one is replaced', ring, [{ kind: 'replace', id: ring.members[1].id, by: memberOf(kinds) }]);
  ring = timed('a weight is doubled', ring, [{ kind: 'weight', id: ring.members[2].id, weight: 2 * ring.members[2].weight }]);
  ring = timed(
    'a quarter more join',
    ring,
    Array.from({ length: members >> 2 }, () => join(memberOf(kinds))),
  );
  return ring;
}

function grown(members, kinds) {
  console.log(`\none after another to ${members} members, ${partitions} partitions, 3 copies`);
  let ring = createRing({ partitions, members: [memberOf(kinds)] });
  for (let i = 1; i < members; i++) {
    const show = i === members - 1 || i === members >> 1;
    ring = show ? timed(`member ${i + 1} joins`, ring, [join(memberOf(kinds))]) : plan(ring, [join(memberOf(kinds))]).ring;
  }
}

function lookups(ring) {
  const count = 1_000_000;
  const before = process.cpuUsage();
  let seen = 0;
  for (let i = 0; i < count; i++) seen += preferenceListOf(ring, (i * 7919) % partitions, 3).primaries.length;
  const { user } = process.cpuUsage(before);
  let walked = 0;
  const beforeWalk = process.cpuUsage();
  for (let i = 0; i < count / 10; i++) for (const member of fallbacks(ring, i % partitions, 3)) if (++walked && member) break;
  const walk = process.cpuUsage(beforeWalk);
  console.log(
    `\npreference list ${((user * 1000) / count).toFixed(0)} ns, first fallback ${((walk.user * 1000) / (count / 10)).toFixed(0)} ns (${seen + walked})`,
  );
}

console.log(`Node ${process.version}`);
lookups(series('no zones, equal weights', most, {}));
series('no zones, weights 1 to 8', most, { weights: 8 });
series('five racks, equal weights', most, { zones: 5 });
series('three racks, weights 1 to 8', most, { zones: 3, weights: 8 });
series('five racks, weights 1 to 8', 100, { zones: 5, weights: 8 });
grown(100, {});
grown(100, { zones: 4 });
