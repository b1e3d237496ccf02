/**
 * Answers of one event-loop turn leave together at its end, one socket after the other.
 *
 * ```
 *  turn:  read request ▸ answer ready ─┐   read request ▸ answer ready ─┐   …   end of the turn: write, write, …
 *                                      └──────────── kept ──────────────┴──────────────▲
 * ```
 *
 * A write wakes the client, which costs the system more than sending the bytes; written one after the other the first
 * wakes it for all. An idle server's turn ends at once, so a single answer is not held up. What is kept is bounded by
 * the requests being worked on.
 */
import type { ServerResponse } from 'node:http';
import type { Timers } from '@coterie/env';
import type { PlainResponse } from './plain-response.ts';

/** Answers whose heads are made and that wait for the end of the turn. */
export class Outbox {
  private readonly timers: Timers;
  private responses: (ServerResponse | PlainResponse)[] = [];
  private bodies: (Uint8Array | string | undefined)[] = [];

  constructor(timers: Timers) {
    this.timers = timers;
  }

  /** Ends `response` with `body` at the end of this turn. Its head must be made. */
  put(response: ServerResponse | PlainResponse, body: Uint8Array | string | undefined): void {
    this.responses.push(response);
    this.bodies.push(body);
    if (this.responses.length === 1) void this.timers.turn().then(this.send);
  }

  private readonly send = (): void => {
    const { responses, bodies } = this;
    this.responses = [];
    this.bodies = [];
    for (let i = 0; i < responses.length; i++) {
      const response = responses[i];
      const body = bodies[i];
      if (response.destroyed) continue;
      if (body === undefined) response.end();
      else response.end(body);
    }
  };
}
