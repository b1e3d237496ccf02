/**
 * The console: asks `/v1/status` and `/v1/cluster` every second and shows them. Counters only grow, so rates are differences
 * between two answers; lines hold the last two minutes. Other members are shown as this node sees them, with the way to
 * their own consoles.
 */
const everyMs = 1000;
const lineLength = 120;
const lines = { writes: [], reads: [], turns: [], memory: [] };
let before;

const element = (id) => document.getElementById(id);
const text = (id, value) => {
  element(id).textContent = value;
};

function count(value) {
  return Math.round(value).toLocaleString('en-US').replaceAll(',', '\u202f');
}

function micros(value) {
  if (value < 1000) return `${Math.round(value)} µs`;
  return value < 1e6 ? `${(value / 1000).toPrecision(3)} ms` : `${(value / 1e6).toPrecision(3)} s`;
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let amount = value;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return unit === 0 ? `${amount} B` : `${amount.toPrecision(amount >= 100 ? 4 : 3)} ${units[unit]}`;
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

/** `tableMemoryBytes` as words. */
function words(name) {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function storeValue(name, value) {
  if (typeof value !== 'number') return value === '' ? 'none' : String(value);
  return /bytes/i.test(name) ? bytes(value) : count(value);
}

function total(operations, name) {
  return Object.values(operations[name] ?? {}).reduce((sum, one) => sum + one, 0);
}

function rate(now, name) {
  if (before === undefined) return 0;
  const seconds = (now.server.now - before.server.now) / 1000;
  return seconds > 0 ? Math.max(0, (total(now.server.operations, name) - total(before.server.operations, name)) / seconds) : 0;
}

function row(cells) {
  const line = document.createElement('tr');
  cells.forEach((cell, index) => {
    const one = document.createElement(index === 0 ? 'th' : 'td');
    // A cell is text, or a link.
    one.append(cell);
    line.append(one);
  });
  return line;
}

function fill(id, rows) {
  document.querySelector(`#${id} tbody`).replaceChildren(...rows.map(row));
}

function draw(name, value) {
  const line = lines[name];
  line.push(value);
  if (line.length > lineLength) line.shift();
  const top = Math.max(...line) || 1;
  const points = line.map((one, index) => `${index + lineLength - line.length},${(31 - (one / top) * 29).toFixed(1)}`);
  document.querySelector(`[data-line=${name}] polyline`).setAttribute('points', points.join(' '));
}

function latencyText(latency) {
  return latency === undefined ? 'none yet' : `p50 ${micros(latency.p50)} · p99 ${micros(latency.p99)} · p99.9 ${micros(latency.p999)}`;
}

function stateCell({ state, sinceMs, isJoining }) {
  if (state === 'alive') return isJoining ? 'up, joining' : 'up';
  if (state === 'left') return 'left';
  const [className, word] = state === 'dead' ? ['dead', 'DOWN'] : ['doubtful', 'doubtful'];
  return Object.assign(document.createElement('span'), {
    className,
    textContent: `${word}${sinceMs === 0 ? '' : `, ${duration(sinceMs)}`}`,
  });
}

function consoleLink({ http, isSelf }) {
  if (http === '') return '–';
  if (isSelf) return `${http} (this one)`;
  return Object.assign(document.createElement('a'), { href: `http://${http}/`, textContent: http });
}

function changeInWords({ kind, member, phase, waitingFor }) {
  return ` · ${kind} of ${member} under way (${phase}${waitingFor === '' ? '' : `, waits for ${waitingFor}`})`;
}

function showCluster({ clusterId, epoch, members, partitions, effectiveN, change }) {
  element('cluster').hidden = members.length < 2;
  const copies = effectiveN === 1 ? 'one copy' : `${effectiveN} copies`;
  text(
    'cluster-about',
    `${clusterId} · epoch ${epoch} · ${members.length} members · ${partitions} partitions · ${copies} of every key${change === undefined ? '' : changeInWords(change)}`,
  );
  fill(
    'members',
    members.map((member) => [
      member.name,
      stateCell(member),
      String(member.weight),
      count(member.replicas),
      count(member.primaries),
      member.isSelf ? '' : count(member.hints),
      member.isSteward ? 'yes' : '',
      consoleLink(member),
      member.peer,
    ]),
  );
}

function showHead({ node, server }, clusterWarnings) {
  document.title = `${node.name} · Coterie`;
  text('name', node.name);
  const state = server.state === 'ready' ? node.state : server.state;
  text('state', state);
  element('state').className = `state ${state === 'ready' ? 'ready' : 'trouble'}`;
  text(
    'about',
    `up ${duration(node.uptimeMs)} · sync ${node.sync} · effective n ${node.effectiveN} · store incarnation ${node.incarnation}`,
  );
  const warnings = [...(node.reason === undefined ? [] : [node.reason]), ...clusterWarnings];
  element('warnings').hidden = warnings.length === 0;
  element('warnings').replaceChildren(...warnings.map((warning) => Object.assign(document.createElement('li'), { textContent: warning })));
}

function showTiles(now) {
  const { server } = now;
  const writes = rate(now, 'put') + rate(now, 'delete');
  const reads = rate(now, 'get');
  text('writes', count(writes));
  text('reads', count(reads));
  text('writes-latency', latencyText(server.latency.put));
  text('reads-latency', latencyText(server.latency.get));
  text('turns', micros(server.turns.p999));
  text('turns-more', `p99 ${micros(server.turns.p99)} · longest ${micros(server.turns.max)}`);
  text('memory', bytes(server.memory.resident));
  text('memory-more', `heap ${bytes(server.memory.heapUsed)} · outside it ${bytes(server.memory.external)}`);
  draw('writes', writes);
  draw('reads', reads);
  draw('turns', server.turns.p999);
  draw('memory', server.memory.resident);
}

function showTables(now) {
  const { node, server } = now;
  fill(
    'operations',
    Object.entries(server.operations).map(([name, outcomes]) => {
      const latency = server.latency[name];
      const others = Object.entries(outcomes).filter(([outcome]) => outcome !== 'OK');
      const times = [latency.p50, latency.p99, latency.p999].map(micros);
      return [
        name,
        count(total(server.operations, name)),
        count(rate(now, name)),
        ...times,
        others.map(([outcome, n]) => `${outcome} ${count(n)}`).join(', '),
      ];
    }),
  );
  fill(
    'store',
    Object.entries(node.store).map(([name, value]) => [words(name), storeValue(name, value)]),
  );
  fill('door', [
    ['connections', count(server.connections)],
    ['requests running', count(server.inFlight)],
    ['connections taken', count(server.connectionsTaken)],
    ['connections refused', count(server.connectionsRefused)],
    ['bodies in', bytes(server.bytesIn)],
    ['answers out', bytes(server.bytesOut)],
    ['bytes under way', bytes(server.bytesUnderWay)],
    ['too slow, ended', count(server.stalled)],
    ['not HTTP', count(server.malformed)],
  ]);
}

async function ask(path) {
  const answer = await fetch(path, { cache: 'no-store' });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

async function look() {
  try {
    const [now, cluster] = await Promise.all(['/v1/status', '/v1/cluster'].map(ask));
    showHead(now, cluster.warnings);
    showCluster(cluster);
    showTiles(now);
    showTables(now);
    before = now;
  } catch {
    text('state', 'no answer');
    element('state').className = 'state trouble';
  }
  setTimeout(() => void look(), everyMs);
}

const at = `${location.origin}/v1/kv/cart/alice`;
text('try', `curl -X PUT -H 'Content-Type: text/plain' -d milk ${at}\ncurl ${at}\ncurl -X DELETE ${at}`);
void look();
