/**
 * Five nodes, each ended well and started again, one after the other: as they were, and from the level before to the newest.
 * Between two of them the cluster gets its breath back: all see all, and nobody keeps anything for anybody.
 */
import { readFileSync } from 'node:fs';
import { waitUntil } from '../torture/patience.mjs';

/** @typedef {import('./stage.mjs').Stage} Stage */
/** @typedef {import('./verdict.mjs').Judgement} Judgement */

const nodes = 5;
const calmMs = 120_000;
const oldLevel = 2;
const levelFlag = '--level-max';

/** @type {import('./stage.mjs').Course} */
export const restartCourse = {
  what: 'each of five nodes restarted in turn',
  nodes,
  run: async (stage) => {
    for (const name of stage.fleet.names) await restart(stage, name, []);
    return { costs: [], judgements: [] };
  },
};

/** @type {import('./stage.mjs').Course} */
export const upgradeCourse = {
  what: 'five nodes upgraded in turn from the level before to the newest; one tries to go back',
  nodes,
  flags: [levelFlag, String(oldLevel)],
  run: async (stage) => {
    const { fleet, operator } = stage;
    /** @type {number[]} */
    const levels = [];
    const look = async () => void levels.push((await operator.ask(fleet.names[0] ?? '', '/v1/cluster')).level);
    await look();
    for (const name of fleet.names) {
      await restart(stage, name, [levelFlag]);
      if (name !== fleet.names.at(-1)) await look();
    }
    const isRaised = await waitUntil(async () => (await levelsOf(stage)).every((level) => level > oldLevel), calmMs);
    return { costs: [], judgements: [judgeLevels(levels, isRaised, await levelsOf(stage)), await judgeWayBack(stage)] };
  },
};

/** @param {Stage} stage @param {string} name @param {readonly string[]} drop flags that it is started without */
async function restart(stage, name, drop) {
  const { fleet, load } = stage;
  load.enter(`${name} restarts`);
  await fleet.restart(name, { add: [], drop });
  if (await waitUntil(() => isCalm(stage), calmMs)) return;
  throw new Error(`after the restart of ${name} the cluster did not come to rest within ${calmMs / 1000} s`);
}

/** @param {Stage} stage */
async function isCalm({ fleet, operator }) {
  const documents = await Promise.all(fleet.names.map((name) => operator.ask(name, '/v1/cluster').catch(() => undefined)));
  return documents.every(
    (document) =>
      document?.hints === 0 &&
      !document.isRecovering &&
      document.members.every((/** @type {{ state: string }} */ { state }) => state === 'alive'),
  );
}

/** @param {Stage} stage @returns {Promise<number[]>} */
async function levelsOf({ fleet, operator }) {
  const documents = await Promise.all(fleet.names.map((name) => operator.ask(name, '/v1/cluster').catch(() => undefined)));
  return documents.map((document) => document?.level ?? 0);
}

/** @param {readonly number[]} during @param {boolean} isRaised @param {readonly number[]} after @returns {Judgement} */
function judgeLevels(during, isRaised, after) {
  return {
    what: 'the level while the last node is old, and afterwards',
    wanted: `${oldLevel} until then, then the same higher one everywhere`,
    seen: `${during.join(' ')}, then ${after.join(' ')}`,
    isKept: isRaised && during.every((level) => level === oldLevel) && new Set(after).size === 1,
  };
}

/** A node that is to go back does not start, and says why. @param {Stage} stage @returns {Promise<Judgement>} */
async function judgeWayBack({ fleet, load }) {
  const name = /** @type {string} */ (fleet.names.at(-1));
  load.enter(`${name} goes back`);
  const refusal = new RegExp(`UNSUPPORTED_FORMAT: .*level ${oldLevel + 1}.*goes up to ${oldLevel}`);
  const saysWhy = () => refusal.exec(readFileSync(fleet.node(name).plan.logFile, 'utf8'))?.[0];
  await fleet.restartInVain(name, [levelFlag, String(oldLevel)]);
  const seen = saysWhy();
  await fleet.restart(name, { add: [], drop: [levelFlag] });
  return {
    what: 'a node of the old level that is started after the raise',
    wanted: 'refused, with the reason',
    seen: seen ?? 'no such line in its log',
    isKept: seen !== undefined,
  };
}
