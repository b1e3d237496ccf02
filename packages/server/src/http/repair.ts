/** `POST /v1/repair?prove&hurry`: compares this node's copies with those of every member that holds some of them too, now, and repairs both sides. */
import type { RepairReport } from '@coterie/node';
import type { Exchange } from './exchange.ts';
import { invalid } from './problem.ts';
import { parseQuery } from './query.ts';

/** What came of it. */
export interface RepairDocument {
  /** The node that was asked. */
  readonly node: string;
  /** One report a member, with its name. */
  readonly repairs: readonly (RepairReport & { readonly name: string })[];
}

/** Answers when all is done, which takes as long as it takes. */
export async function runRepair(exchange: Exchange): Promise<void> {
  const flags = parseQuery(exchange.query, ['prove', 'hurry']);
  for (const [name, value] of flags) if (value !== '') throw invalid(`${name} takes no value, as in /v1/repair?${name}`);
  const { node } = exchange.service;
  const reports = await node.repair({ prove: flags.has('prove'), hurry: flags.has('hurry') });
  const names = new Map(node.cluster().members.map(({ id, name }) => [id, name]));
  const repairs = reports.map((report) => ({ ...report, name: names.get(report.member) ?? report.member }));
  exchange.answerJson(200, { node: node.status().name, repairs } satisfies RepairDocument);
}
