/**
 * HTTP to a server, as much of it as Coterie's client needs: one request, its whole answer, within a time. `env-node`
 * has it over node:http; a test or the simulator hands in a stub.
 *
 * ```
 *  request ──▶ connected? ──▶ sent ──▶ answer, whatever its status
 *     │            │ no         └────▶ TIMEOUT, CONNECTION_LOST      details.sent is true: it may have arrived
 *     └────────────┴─────────────────▶ TIMEOUT, CONNECTION_LOST      details.sent is false: it never left
 * ```
 */

/** One request. */
export interface HttpRequest {
  readonly method: string;
  /** `http://host:port`, without a path. */
  readonly origin: string;
  /** Path and query exactly as they go out: nothing normalises them, since `.` and `..` are keys. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** The whole answer has to be there after so long. */
  readonly timeoutMs: number;
  /** The longest body that is taken. */
  readonly answerBytesMax: number;
  /** Gives the request up. */
  readonly signal?: AbortSignal | undefined;
}

/** The whole answer to a request. */
export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The caller's to keep. */
  readonly body: Uint8Array;
}

/** Sends requests; keeps connections between them. */
export interface HttpTransport {
  /**
   * The answer, whatever its status: redirects are not followed, bodies not decoded.
   * @throws CoterieError `CONNECTION_LOST` and `TIMEOUT`, both with `details.sent` (whether any of it can have arrived) and
   * the first with `details.reused` (whether the connection had served before), `TOO_LARGE` for a body past
   * `answerBytesMax`, `CLOSED` after `close` and when `signal` gave it up
   */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Ends all connections; what is under way fails with `CLOSED`. */
  close(): void;
}
