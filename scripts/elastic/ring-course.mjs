/** Three nodes become six, then four, and one that is dead for good is replaced by another, all under load. */
import { pause } from '../torture/patience.mjs';
import { frugal, notMuchSlower } from './verdict.mjs';

/** @typedef {import('./stage.mjs').Stage} Stage */
/** @typedef {import('./operator.mjs').Cost} Cost */

const ratioMost = 1.05;
const slowerMost = 3;
const newcomers = 3;
const leavers = ['node-2', 'node-5'];
const deadForGood = 'node-3';

/** @type {import('./stage.mjs').Course} */
export const ringCourse = {
  what: 'three nodes, then six, then four, then one dead for good is replaced',
  nodes: 3,
  run: async (stage) => {
    const { load, phaseMs } = stage;
    const grown = await grow(stage);
    // More processes share the machine and its disk from here on: what that costs is not the change's doing.
    load.enter(`${stage.fleet.names.length} nodes at rest`);
    await pause(phaseMs);
    const costs = [grown, await shrink(stage)];
    load.enter(`${deadForGood} dead`);
    stage.fleet.kill(deadForGood);
    await pause(phaseMs);
    costs.push(await replace(stage));
    const changes = load.phases.filter(({ title }) => costs.some((cost) => cost.title === title));
    return { costs, judgements: [...frugal(costs, ratioMost), ...notMuchSlower(load.idle, changes, slowerMost)] };
  },
};

/** @param {Stage} stage @returns {Promise<Cost>} */
async function grow({ fleet, operator, load, directory }) {
  const before = fleet.names.length;
  load.enter('processes start');
  for (let i = 0; i < newcomers; i++) await fleet.add(directory, ['--join', 'staged']);
  const [asked = ''] = fleet.names;
  await operator.staged(asked, newcomers);
  const { preview } = await operator.ask(asked, '/v1/plan');
  const title = `${before} to ${before + newcomers} nodes`;
  load.enter(title);
  return operator.carryOut(title, {
    asked,
    counted: () => fleet.names,
    fewest: preview.fewestMoves,
    begin: () => operator.ask(asked, '/v1/plan/commit', {}),
    end: () => operator.settled(fleet.names, before + newcomers),
  });
}

/** @param {Stage} stage @returns {Promise<Cost>} */
async function shrink({ fleet, operator, load }) {
  const before = fleet.names.length;
  const [asked = ''] = fleet.names;
  for (const member of leavers) await operator.ask(asked, '/v1/plan', { kind: 'leave', member });
  const { preview } = await operator.ask(asked, '/v1/plan');
  const stay = fleet.names.filter((name) => !leavers.includes(name));
  const title = `${before} to ${stay.length} nodes`;
  load.enter(title);
  const cost = await operator.carryOut(title, {
    asked,
    counted: () => fleet.names,
    fewest: preview.fewestMoves,
    begin: () => operator.ask(asked, '/v1/plan/commit', {}),
    end: () => operator.settled(stay, stay.length),
  });
  for (const name of leavers) await fleet.retire(name);
  return cost;
}

/** @param {Stage} stage @returns {Promise<Cost>} */
async function replace({ fleet, operator, load, directory }) {
  const stay = fleet.names.filter((name) => name !== deadForGood);
  const [asked = ''] = stay;
  await operator.seenDead(asked, deadForGood);
  const node = await fleet.add(directory, ['--replace', deadForGood]);
  const by = node.plan.name;
  await operator.staged(asked, 1);
  const title = `${by} for ${deadForGood}`;
  load.enter(title);
  const cost = await operator.carryOut(title, {
    asked,
    counted: () => [...stay, by],
    fewest: 'as moved',
    begin: () => operator.ask(asked, '/v1/change', { kind: 'replace', member: deadForGood, by, force: true }),
    end: () => operator.settled([...stay, by], stay.length + 1),
  });
  fleet.forget(deadForGood);
  return cost;
}
