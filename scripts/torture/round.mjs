/** One round: load, the course of faults under it, rest, judgement. Each round has keys of its own. */
import { SeededRandom } from '../../packages/simulator/dist/index.js';
import { departure, drawCourse, growth } from './course.mjs';
import { Ledger } from './ledger.mjs';
import { Load } from './load.mjs';
import { pause } from './patience.mjs';
import { phaseLine } from './report.mjs';
import { comeToRest } from './rest.mjs';
import { Scene } from './scene.mjs';
import { spoil } from './spoil.mjs';
import { judgeAll } from './verdict.mjs';

/** @typedef {import('./fleet.mjs').Fleet} Fleet */
/** @typedef {import('./meter.mjs').Meter} Meter */

/**
 * @typedef {object} RoundPlan
 * @property {number} number
 * @property {number} seed
 * @property {number} keys of each bucket
 * @property {number} clients
 * @property {number} thinkMs
 * @property {number} phaseMs
 * @property {string | undefined} swapIn where another node is to have its directory and join, after which one leaves; neither if absent
 * @property {boolean} isSpoilt whether acknowledged writes are destroyed on purpose
 */

const lookEveryMs = 500;

/**
 * @param {{ fleet: Fleet, meter: Meter, plan: RoundPlan, say: (line: string) => void }} parts
 */
export async function runRound({ fleet, meter, plan, say }) {
  const random = new SeededRandom(plan.seed, plan.number);
  const keys = Array.from({ length: plan.keys }, (_, at) => `r${plan.number}-k${at}`);
  const ledger = new Ledger();
  const run = `${plan.seed}-${plan.number}-${Date.now().toString(36)}`;
  const scene = new Scene({ fleet, ledger, meter, keys, run });
  await scene.learnOwners();
  const watch = watchHints(scene);
  const steps = drawCourse(fleet.names, random);
  if (plan.swapIn !== undefined)
    steps.push(growth(plan.swapIn, random.chance(0.5) ? 'killed' : 'whole'), departure(random.pick(fleet.names)));
  try {
    await runCourse({ scene, plan, say, steps });
    const given = plan.isSpoilt ? [await spoil(scene)] : [];
    enter(scene, 'rest', say);
    const rest = await comeToRest(scene, { random, given });
    const wasWell = (/** @type {string} */ node, /** @type {number} */ fromMs, /** @type {number} */ untilMs) =>
      fleet.wasWell(node, { fromMs, untilMs, ills: ['process'] }) && fleet.pulse.wasSteady(fromMs, untilMs);
    const findings = await judgeAll(ledger, wasWell);
    return { rest, findings, operations: ledger.operations };
  } finally {
    clearInterval(watch);
    scene.close();
  }
}

/** @param {{ scene: Scene, plan: RoundPlan, say: (line: string) => void, steps: import('./course.mjs').Step[] }} parts */
async function runCourse({ scene, plan, say, steps }) {
  const load = new Load(scene);
  await load.start({ clients: plan.clients, thinkMs: plan.thinkMs, seed: plan.seed + plan.number });
  try {
    for (const { title, begin } of steps) {
      enter(scene, title, say);
      await begin(scene.fleet, scene);
      await pause(plan.phaseMs);
    }
  } finally {
    await load.stop();
  }
}

/** @param {Scene} scene @param {string} title @param {(line: string) => void} say */
function enter({ meter }, title, say) {
  const over = meter.enter(title);
  if (over.times.length > 0) say(phaseLine(over));
  // A run may last for days.
  over.times = [];
}

/** Keeps the highest number of hints of each phase. @param {Scene} scene */
function watchHints(scene) {
  const look = async () => {
    const documents = await scene.askAll('/v1/hints');
    const total = documents.reduce((sum, document) => sum + (document?.total ?? 0), 0);
    scene.meter.now.hintsMost = Math.max(scene.meter.now.hintsMost, total);
  };
  return setInterval(() => void look(), lookEveryMs);
}
