/** What connections and pipes need of the network that they are part of. */
import type { SeededRandom } from '../random.ts';
import type { SimulatedConnection } from './connection.ts';
import type { LinkConditions } from './links.ts';

/** The network as its connections see it. */
export interface Wire {
  readonly nowMs: number;
  readonly random: SeededRandom;
  /** After so long without an answer a system takes its connection for lost. */
  readonly giveUpMs: number;
  /** Something of the network happens, which runs nobody's code. */
  at(atMs: number, callback: () => void): void;
  /** Bytes that arrived, for the trace. */
  note(bytes: Uint8Array): void;
  link(from: SimulatedConnection, to: SimulatedConnection): LinkConditions;
  /** A reset travels from one end to the other. */
  reset(from: SimulatedConnection, to: SimulatedConnection): void;
  /** Both ends learn of a reset. */
  breakBoth(a: SimulatedConnection, b: SimulatedConnection): void;
  /** The connection holds nothing any more. */
  forget(connection: SimulatedConnection): void;
}
