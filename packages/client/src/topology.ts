/**
 * The ring as a client uses it: for each partition the endpoints that hold it, in their order. All knowledge of the two
 * documents that it is made of, `/v1/ring` and `/v1/cluster`, is in this file. It takes what it understands: a field too
 * many does no harm, and a document that it cannot use means "no ring", which costs a hop and nothing else.
 *
 * ```
 *  /v1/ring     { epoch, partitions, members: [{ id, name, http }], replicas: [[0, 2, 1], …] }     one list a partition
 *          or   { epoch?, partitions, ranges: [{ from, to, owners: [name or id] }] }                tokens, both included
 *  /v1/cluster  { members: [{ id or nodeId, name, state, http or httpAddress }] }
 * ```
 *
 * Members without a usable address drop out of the lists; those that are down go to their ends.
 */
import { partitionOf, type Token } from '@coterie/ring';
import { isLoopback, isUnspecified, parseEndpoint } from './endpoint.ts';

/** Who holds what, as endpoints. Immutable. */
export interface Topology {
  /** 0 when the cluster does not say. */
  readonly epoch: number;
  /** A power of two. */
  readonly partitions: number;
  /** For each partition, in order. */
  readonly holders: readonly (readonly string[])[];
  /** Every member's endpoint, each once. */
  readonly endpoints: readonly string[];
}

/** The two documents, and the endpoint that gave them. */
export interface TopologySource {
  readonly ring: unknown;
  readonly cluster: unknown;
  readonly from: string;
}

type Fields = Readonly<Record<string, unknown>>;
interface Member {
  readonly names: readonly string[];
  readonly endpoint: string | undefined;
  readonly isDown: boolean;
}

const partitionsMax = 65_536;
const membersMax = 10_000;
const down: ReadonlySet<unknown> = new Set(['dead', 'left', 'closed']);

/** The topology in the documents, or `undefined` when there is none that could be used. */
export function parseTopology({ ring, cluster, from }: TopologySource): Topology | undefined {
  if (!isFields(ring)) return undefined;
  const partitions = ring['partitions'];
  if (typeof partitions !== 'number' || !Number.isInteger(Math.log2(partitions)) || partitions < 1 || partitions > partitionsMax)
    return undefined;
  const members = membersOf(ring, cluster, from);
  const lists = listsOf(ring, partitions, members);
  const endpoints = [...new Set(members.flatMap(({ endpoint }) => endpoint ?? []))];
  if (lists === undefined || endpoints.length === 0) return undefined;
  const epoch = typeof ring['epoch'] === 'number' ? ring['epoch'] : 0;
  return { epoch, partitions, holders: lists.map(usable), endpoints };
}

/** Who holds the key of this token, in order. */
export function holdersOf(topology: Topology, token: Token): readonly string[] {
  return topology.holders[partitionOf(token, topology.partitions)];
}

/** Members in the order of the ring's own list, or of the cluster's when the ring has none. */
function membersOf(ring: Fields, cluster: unknown, from: string): readonly Member[] {
  const inCluster = isFields(cluster) ? fieldsIn(cluster['members']) : [];
  const inRing = fieldsIn(ring['members']);
  const known = new Map(inCluster.flatMap((one) => namesOf(one).map((name) => [name, one] as const)));
  const listed = inRing.length > 0 ? inRing : inCluster;
  return listed.map((member) => {
    const names = namesOf(member);
    const other = names.map((name) => known.get(name)).find((one) => one !== undefined) ?? {};
    return { names, endpoint: endpointOf(member, from) ?? endpointOf(other, from), isDown: down.has(member['state'] ?? other['state']) };
  });
}

function endpointOf(member: Fields, from: string): string | undefined {
  const text = member['httpAddress'] ?? member['http'];
  const endpoint = typeof text === 'string' ? parseEndpoint(text) : undefined;
  if (endpoint === undefined || isUnspecified(endpoint)) return undefined;
  return isLoopback(endpoint) && !isLoopback(from) ? undefined : endpoint;
}

function namesOf(member: Fields): readonly string[] {
  return ['id', 'nodeId', 'name'].flatMap((field) => (typeof member[field] === 'string' ? [member[field]] : []));
}

function listsOf(ring: Fields, partitions: number, members: readonly Member[]): readonly (readonly Member[])[] | undefined {
  const { replicas, ranges } = ring;
  if (!Array.isArray(replicas)) return Array.isArray(ranges) ? listsOfRanges(ranges, partitions, members) : undefined;
  if (replicas.length !== partitions) return undefined;
  return replicas.map((list: unknown) => (Array.isArray(list) ? list.flatMap((at: unknown) => members[at as number] ?? []) : []));
}

function listsOfRanges(
  ranges: readonly unknown[],
  partitions: number,
  members: readonly Member[],
): readonly (readonly Member[])[] | undefined {
  const byName = new Map(members.flatMap((member) => member.names.map((name) => [name, member] as const)));
  const lists = new Array<readonly Member[]>(partitions).fill([]);
  for (const range of fieldsIn(ranges)) {
    const [first, last] = [partitionAt(range['from'], partitions), partitionAt(range['to'], partitions)];
    const { owners } = range;
    if (first === undefined || last === undefined || !Array.isArray(owners)) return undefined;
    lists.fill(
      owners.flatMap((name: unknown) => byName.get(name as string) ?? []),
      first,
      last + 1,
    );
  }
  return lists;
}

function partitionAt(token: unknown, partitions: number): number | undefined {
  if (typeof token !== 'string' || !/^[0-9a-f]{16}$/.test(token)) return undefined;
  return partitionOf({ high: Number.parseInt(token.slice(0, 8), 16), low: 0 }, partitions);
}

function usable(list: readonly Member[]): readonly string[] {
  const reachable = [...list.filter((member) => !member.isDown), ...list.filter((member) => member.isDown)];
  return [...new Set(reachable.flatMap(({ endpoint }) => endpoint ?? []))];
}

function fieldsIn(value: unknown): readonly Fields[] {
  return Array.isArray(value) && value.length <= Math.max(membersMax, partitionsMax) ? value.filter(isFields) : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
