/** The times and amounts that membership keeps to. Suspicion has its own arithmetic in `suspicion.ts`. */

/** What can be set; tests and simulations do, operators hardly need to. */
export interface Timing {
  /** One member is probed in each period. */
  readonly periodMs: number;
  /** After this time without an answer others are asked. Half way, the ping is sent once more. */
  readonly pingTimeoutMs: number;
  /** Others who are asked. */
  readonly proxies: number;
  /** Between two rounds of gossip, while there is something to tell. */
  readonly gossipEveryMs: number;
  /** Members told in each round. */
  readonly gossipFanout: number;
  /** Between two reconciliations with a random member; a tenth of it while a large difference is being worked off. */
  readonly reconcileEveryMs: number;
  /** Periods between two greetings of a member that is dead or has left. */
  readonly goneEveryPeriods: number;
  /** Periods between two greetings of a seed that nobody up answers for. Without company it is every period. */
  readonly seedEveryPeriods: number;
  /** Bytes of gossip and reconciliation in a second, on average. Probes come on top. */
  readonly bytesPerSecond: number;
}

/** The times that are right for one data centre. */
export const defaultTiming: Timing = {
  periodMs: 1000,
  pingTimeoutMs: 500,
  proxies: 3,
  gossipEveryMs: 200,
  gossipFanout: 3,
  reconcileEveryMs: 10_000,
  goneEveryPeriods: 5,
  seedEveryPeriods: 15,
  bytesPerSecond: 12_000,
};

/** Every table of the machine has a limit. */
export const tableLimits = {
  members: 65_536,
  forgotten: 4096,
  changes: 8192,
  probes: 8,
  relays: 64,
  seeds: 64,
} as const;
