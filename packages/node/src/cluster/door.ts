/**
 * The door for other nodes: one rpc endpoint, over which go requests, the ring log's questions, and gossip. A node
 * without a door is alone, and everything asked of others fails at once.
 *
 * ```
 *   ring-log   values [message]         ▶ values [answer]         before joining too
 *   join       [id, name, zone, weight, peer, http, acceptor, mode?, inPlaceOf?, level?]  ▶ [clusterId]   before joining too
 *   gossip     values [message], one way                          before joining too
 * ```
 */
import { CoterieError, type Environment, parseAddress } from '@coterie/env';
import { type Transport } from '@coterie/consensus';
import { type Endpoint, type PeerIdentity, openEndpoint } from '@coterie/rpc';
import type { PeerOptions } from '../options.ts';
import { arrayOf, bytesAt, malformed, memberIdOf, numberOf, textOf } from '../peers/wire.ts';
import type { Asking } from '../topology/topology.ts';
import type { Callers } from './callers.ts';
import { firstLevel, levelKnownBy } from './level.ts';
import type { Member } from './state.ts';

/** Opens the door; it answers once handlers are registered. @throws what the endpoint throws: `LOCKED` for an address in use, … */
export function openDoor(
  environment: Environment,
  peer: PeerOptions,
  { callers, ...identity }: { readonly id: string; readonly incarnation: string; readonly callers: Callers },
): Promise<Endpoint> {
  const { listen, advertise } = peer;
  const greeted = (caller: PeerIdentity): void => callers.called(caller);
  return openEndpoint({ environment, listen, ...(advertise === undefined ? {} : { advertise }), identity, greeted });
}

/** How ring logs talk through the door. `addressOf` finds a member; a seed is named by its address. */
export function ringLogTransport(endpoint: Endpoint, addressOf: (node: string) => string | undefined): Transport {
  return {
    async ask(node, message, timeoutMs) {
      const address = node.includes(':') ? node : addressOf(node);
      if (address === undefined) throw new CoterieError('CONNECTION_LOST', `nobody knows where ${node} is reached`);
      const expect = node.includes(':') ? {} : { expect: node };
      const answer = await endpoint.request(
        address,
        { method: 'ring-log', epoch: 0, body: [], values: [message], ...expect },
        { timeoutMs },
      );
      return bytesAt(answer.values, 0).slice();
    },
  };
}

/** A ring log's transport where there is no door. */
export const noTransport: Transport = {
  ask: (node) => Promise.reject(new CoterieError('CONNECTION_LOST', `this node has no door for other nodes, so ${node} cannot be asked`)),
};

/** How long a seed may take to have a join decided. */
const joinMs = 15_000;

/** Asks the node at `seed` to have it decided that a member joins; resolves with the cluster's id. */
export async function askToJoin(endpoint: Endpoint, seed: string, { member, mode, inPlaceOf }: Asking): Promise<string> {
  const { id, name, zone, weight, peer, http, acceptor } = member;
  const body = [id, name, zone, weight, peer, http, acceptor, mode, inPlaceOf ?? '', levelKnownBy(member)];
  const answer = await endpoint.request(seed, { method: 'join', epoch: 0, body }, { timeoutMs: joinMs });
  return textOf(arrayOf(answer.body, 'answer')[0], 'cluster');
}

/** Longest text of a member's description: it stays in the ring log for ever. */
const textMax = 256;

/** Who asks to join, and how; `from` is who says so. @throws `PROTOCOL`, `INVALID_ARGUMENT` for an address that is none */
export function askingFrom(from: string, body: unknown): Asking {
  const [id, name, zone, weight, peer, http, acceptor, mode = 'auto', inPlaceOf = '', level = firstLevel] = arrayOf(body, 'member');
  if (memberIdOf(id) !== from) throw malformed('a member asks for itself only');
  const member: Member = {
    id: from,
    name: textOf(name, 'name'),
    zone: textOf(zone, 'zone'),
    weight: numberOf(weight, 'weight'),
    peer: textOf(peer, 'peer'),
    http: textOf(http, 'http'),
    acceptor: textOf(acceptor, 'acceptor'),
    level: numberOf(level, 'level'),
  };
  if (Object.values(member).some((value) => String(value).length > textMax) || member.name === '') throw malformed('member');
  parseAddress(member.peer);
  const other = textOf(inPlaceOf, 'replaced member').slice(0, textMax);
  return { member, mode: mode === 'staged' ? 'staged' : 'auto', ...(other === '' ? {} : { inPlaceOf: other }) };
}
