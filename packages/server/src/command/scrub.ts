/** `coterie scrub`: the node that is asked reads all its tables back from the disk, at once. */
import { showBytes } from '../amounts.ts';
import { ask, endpointOf, parseJson } from './client.ts';
import { CommandFailure } from './failure.ts';
import type { LookFlags } from './status.ts';
import { print, printJson } from './table.ts';

/** Reading everything takes its time. */
const patienceMs = 24 * 3_600_000;

/** `coterie scrub` */
export async function scrub(flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const { body } = await ask(endpoint, { method: 'POST', path: '/v1/scrub', expect: [200], patienceMs });
  const document = parseJson(endpoint, body) as { readonly node: string; readonly bytes: number; readonly damaged: number };
  if (flags.json === true) printJson(document);
  else print(`${document.node}: ${showBytes(document.bytes)} of tables read back`);
  if (document.damaged > 0) {
    const damaged = document.damaged === 1 ? `1 table of ${document.node} is` : `${document.damaged} tables of ${document.node} are`;
    throw new CommandFailure(
      `${damaged} damaged and set aside`,
      'look at the disk; coterie status   shows whether the node takes back what is gone',
    );
  }
}
