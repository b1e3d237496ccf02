/**
 * Where the nodes of `coterie dev` are: names, directories and addresses, counted up from the first.
 *
 * ```
 *            HTTP   Redis (later)   peer
 *   node-1   7070   7071            7072      DIR/node-1   DIR/node-1.log
 *   node-2   7080   7081            7082      DIR/node-2   DIR/node-2.log
 * ```
 */
import { join } from 'node:path';
import { type Address, showAddress } from '../settings/address.ts';

/** One node: what it is started with. */
export interface DevNodePlan {
  /** 1 for the first. */
  readonly number: number;
  readonly name: string;
  readonly directory: string;
  readonly logFile: string;
  readonly http: string;
  readonly peer: string;
  readonly seeds: readonly string[];
  /** More of the command line. */
  readonly flags?: readonly string[];
}

/** What a layout is made from. */
export interface DevLayout {
  readonly nodes: number;
  readonly directory: string;
  readonly http: Address;
  /** Ports by node and door, for an address whose port is 0. */
  readonly freePorts: readonly number[];
  /** Numbers of the nodes that have a directory already. */
  readonly existing: ReadonlySet<number>;
}

/** Between the ports of two nodes. */
const step = 10;
const peerOffset = 2;

/** Highest port that a layout takes. */
export function lastPort({ nodes, http }: Pick<DevLayout, 'nodes' | 'http'>): number {
  return http.port + step * (nodes - 1) + peerOffset;
}

/**
 * The plans of all nodes. Only a first node without company begins a cluster; everybody else asks the others to be taken
 * in, which a node that is a member already does not need to.
 */
export function layOut(layout: DevLayout): readonly DevNodePlan[] {
  const { nodes, directory, existing } = layout;
  const numbers = Array.from({ length: nodes }, (_, at) => at + 1);
  const peers = numbers.map((number) => addressOf(layout, number, 'peer'));
  return numbers.map((number) => {
    const name = `node-${number}`;
    const isFirst = number === 1 && [...existing].every((other) => other === 1);
    return {
      number,
      name,
      directory: join(directory, name),
      logFile: join(directory, `${name}.log`),
      http: addressOf(layout, number, 'http'),
      peer: peers[number - 1],
      seeds: isFirst ? [] : seedsOf(layout, peers, number),
    };
  });
}

/** In a new cluster the first node is the one to ask; later any may be a member, and the first may have lost its directory. */
function seedsOf({ existing }: DevLayout, peers: readonly string[], number: number): readonly string[] {
  return existing.size === 0 ? peers.slice(0, 1) : peers.filter((_, at) => at !== number - 1);
}

function addressOf({ http, freePorts }: DevLayout, number: number, door: 'http' | 'peer'): string {
  const { host, port } = http;
  const at = 2 * (number - 1) + (door === 'http' ? 0 : 1);
  return showAddress({ host, port: port === 0 ? freePorts[at] : port + step * (number - 1) + (door === 'http' ? 0 : peerOffset) });
}
