/** `POST /v1/backup?name=NAME`: saves this node's store, and what the cluster has decided, beside its data. */
import type { Exchange } from './exchange.ts';
import { invalid } from './problem.ts';
import { parseQuery } from './query.ts';

/** Answers when the backup is whole and verified. */
export async function runBackup(exchange: Exchange): Promise<void> {
  const name = parseQuery(exchange.query, ['name']).get('name');
  if (name === undefined || name === '') throw invalid('a backup needs a name, as in /v1/backup?name=monday');
  exchange.answerJson(200, await exchange.service.node.backUp(name));
}
