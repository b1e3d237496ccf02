/** What nodes say to each other, as callers and handlers see it. */

/** Who asks, as its handshake said. */
export interface PeerIdentity {
  readonly id: string;
  readonly incarnation: string;
  /** What it wants to be dialled at; says nothing about who it is. */
  readonly address: string;
  /** Empty while it knows none. */
  readonly clusterId: string;
  readonly capabilities: readonly string[];
}

/** A question to another node. */
export interface RpcRequest {
  /** The name under which the other side registered a handler, at most 32 characters. */
  readonly method: string;
  /** The ring's epoch as the sender knows it; 0 when that is of no matter. */
  readonly epoch: number;
  /** Arrays by position, numbers, strings, booleans, null, bytes. No objects; `undefined` arrives as `null`. */
  readonly body: unknown;
  /** Bytes that travel raw, for anything large. Nobody may change them from now on. */
  readonly values?: readonly Uint8Array[];
  /** The node id that must answer; another at this address is `CONNECTION_LOST`. */
  readonly expect?: string;
}

/** The answer. Values, and byte strings in the body, are views of bytes that nobody writes to again; copy what is kept for long. */
export interface RpcAnswer {
  readonly body: unknown;
  readonly values: readonly Uint8Array[];
}

/** How long to wait. */
export interface RequestOptions {
  readonly timeoutMs: number;
  /** Whether it leaves now with all that was asked there in this turn, and does not wait for more. */
  readonly atOnce?: boolean | undefined;
}

/** A question as its handler sees it. Values and byte strings are views as in `RpcAnswer`. */
export interface IncomingRequest {
  readonly from: PeerIdentity;
  readonly epoch: number;
  readonly body: unknown;
  readonly values: readonly Uint8Array[];
  /** Monotonic time (`clock.monotonic()`) after which nobody waits for the answer; `Infinity` for a notice. */
  readonly deadlineMs: number;
}

/** What a handler answers. */
export interface HandlerAnswer {
  readonly body: unknown;
  readonly values?: readonly Uint8Array[];
}

/** Answers requests of one method. What it throws is the answer too; what it answers to a notice is dropped. */
export type Handler = (request: IncomingRequest) => Promise<HandlerAnswer>;

/** How a method is offered. */
export interface MethodOptions {
  /** Also for peers one of whose sides does not know its cluster yet. */
  readonly beforeJoin?: true;
}
