/** `POST /v1/scrub`: reads everything in this node's tables back from the disk, now. */
import type { Exchange } from './exchange.ts';
import { parseQuery } from './query.ts';

/** Answers when all is read. */
export async function runScrub(exchange: Exchange): Promise<void> {
  parseQuery(exchange.query, []);
  const { node } = exchange.service;
  exchange.answerJson(200, { node: node.status().name, ...(await node.scrub()) });
}
