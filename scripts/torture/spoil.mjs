/**
 * Destroys acknowledged writes on purpose, to see that the judges notice: a node that nobody hears takes writes with `w=1`,
 * and then its disk is gone.
 */
import { rmSync } from 'node:fs';
import { createNodeHttp } from '../../packages/env-node/dist/index.js';
import { operationOf, valueOf } from './ledger.mjs';
import { Witness } from './witness.mjs';

const ask = { w: 1, pw: 0 };
const victims = 3;

/** @param {import('./scene.mjs').Scene} scene @returns {Promise<string>} the node that is gone for good */
export async function spoil(scene) {
  const { fleet, ledger, keys, run } = scene;
  const name = fleet.names.at(-1) ?? '';
  scene.meter.enter(`${name} loses its disk`);
  fleet.cutOff([name], ['in', 'out']);
  const witness = new Witness(createNodeHttp(), scene);
  for (const key of keys.slice(0, victims)) {
    const write = ledger.begin({ bucket: 'always', key, kind: 'put', ask, seen: new Set(), replacesFound: false });
    await witness.request({
      method: 'PUT',
      origin: fleet.urlOf(name),
      path: `/v1/kv/always/${key}?w=1&timeout=10s`,
      headers: { 'coterie-operation': operationOf(run, write.id) },
      body: new TextEncoder().encode(valueOf(write.id, 100)),
      timeoutMs: 15_000,
      answerBytesMax: 2 ** 20,
    });
  }
  witness.close();
  fleet.kill(name);
  fleet.links.sever(name);
  fleet.heal();
  await fleet.whenAll(({ state }) => state === 'ended', `${name} ends`, [fleet.node(name)]);
  rmSync(fleet.node(name).plan.directory, { recursive: true });
  return name;
}
