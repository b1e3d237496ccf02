/** `coterie members`, `ring`, `hints` and `where`: what is, and why. */
import type { RingReport } from '@coterie/node';
import type { HintsDocument, WhereDocument } from '../http/cluster.ts';
import { askJson, endpointOf, keyPath } from './client.ts';
import { headLine, hintLines, memberLines, ringLines, whereLines } from './cluster-lines.ts';
import { changeLines } from './plan-lines.ts';
import type { LookFlags } from './status.ts';
import { askCluster, survey } from './survey.ts';
import { print, printJson } from './table.ts';

/** `coterie members` */
export async function members(flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const cluster = await askCluster(endpoint);
  if (flags.json === true) return printJson({ epoch: cluster.epoch, members: cluster.members });
  const hints = await survey<HintsDocument>(endpoint, cluster.members, '/v1/hints');
  print(headLine(cluster), ...memberLines(cluster, hints));
}

/** `coterie ring` */
export async function ring(flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const report = await askJson<RingReport>(endpoint, '/v1/ring');
  if (flags.json === true) return printJson(report);
  print(...ringLines(report), ...changeLines(await askCluster(endpoint)));
}

/** `coterie hints` */
export async function hints(flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const heard = await survey<HintsDocument>(endpoint, (await askCluster(endpoint)).members, '/v1/hints');
  if (flags.json === true)
    return printJson(heard.map(({ member, answer }) => answer ?? { node: member.name, state: member.state, total: null }));
  print(...hintLines(heard));
}

/** `coterie where BUCKET KEY` */
export async function where(of: { readonly bucket: string; readonly key: string }, flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const path = `/v1/where/${keyPath(of.bucket, of.key)}`;
  const placement = await askJson<WhereDocument>(endpoint, path);
  const named = new Set(placement.preferenceList.map(({ node }) => node));
  const { members: all } = await askCluster(endpoint);
  const heard = await survey<WhereDocument>(
    endpoint,
    all.filter(({ name }) => named.has(name)),
    path,
  );
  if (flags.json === true) {
    const copies = heard.map(({ member, answer }) => answer?.here ?? { node: member.name, state: member.state });
    return printJson({ ...placement, copies });
  }
  print(...whereLines(`${of.bucket}/${of.key}`, placement, heard));
}
