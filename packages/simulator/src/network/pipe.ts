/**
 * One direction of a connection: what was sent and has not been acknowledged, in segments that travel in order.
 *
 * ```
 *  send() ─▶ segment (all that was sent in one instant) ─ latency ─▶ arrival ─▶ receive buffer ─▶ data()
 *                                                           │ lost, link cut, host down: again after 200, 400 … ms,
 *                                                           │    and after `giveUpMs` the sender's end is lost
 *                                                           │ host up, but it knows no such connection: reset
 *                                                           └ receive buffer full: when there is room
 * ```
 *
 * Arrivals run nobody's code: they only move bytes and put events on the machines' own schedules, so they cost little
 * and no turn of the real event loop. One timer at most is pending for a pipe, for its first segment.
 */
import type { SimulatedConnection } from './connection.ts';
import type { Wire } from './wire.ts';
import { drawLatency } from './links.ts';

interface Segment {
  readonly sentMs: number;
  arrivesMs: number;
  bytes: number;
  readonly pieces: Uint8Array[];
  fin: boolean;
}

const firstRetryMs = 200;
const longestRetryMs = 8000;

/** A stream of bytes from `sender` to `receiver`. */
export class Pipe {
  readonly #wire: Wire;
  readonly #sender: SimulatedConnection;
  readonly #receiver: SimulatedConnection;
  #segments: Segment[] = [];
  #pending = false;
  #over = false;
  #waitsForRoom = false;
  /** Set while a segment does not get through. */
  #trouble: { readonly sinceMs: number; retryMs: number } | undefined;
  /** Bytes sent and not arrived. */
  unackedBytes = 0;

  constructor(wire: Wire, sender: SimulatedConnection, receiver: SimulatedConnection) {
    this.#wire = wire;
    this.#sender = sender;
    this.#receiver = receiver;
  }

  send(bytes: Uint8Array): void {
    this.unackedBytes += bytes.length;
    const segment = this.#tail();
    segment.pieces.push(bytes);
    segment.bytes += bytes.length;
  }

  /** No more bytes come after those sent so far. */
  finish(): void {
    this.#tail().fin = true;
  }

  /** Nothing more arrives. */
  drop(): void {
    this.#over = true;
    this.#segments = [];
    this.unackedBytes = 0;
  }

  /** The receive buffer has room again. */
  roomMade(): void {
    if (!this.#waitsForRoom) return;
    this.#waitsForRoom = false;
    this.#schedule(this.#wire.nowMs + this.#latency(0));
  }

  #tail(): Segment {
    const sentMs = this.#sender.nowMs;
    const last = this.#segments.at(-1);
    if (last !== undefined && last.sentMs === sentMs && !last.fin) return last;
    const arrivesMs = Math.max(last?.arrivesMs ?? 0, sentMs + this.#latency(this.#segments.length === 0 ? 0 : this.unackedBytes));
    const segment: Segment = { sentMs, arrivesMs, bytes: 0, pieces: [], fin: false };
    this.#segments.push(segment);
    if (!this.#waitsForRoom) this.#schedule(segment.arrivesMs);
    return segment;
  }

  #latency(bytes: number): number {
    return drawLatency(this.#wire.link(this.#sender, this.#receiver), this.#wire.random, bytes);
  }

  #schedule(atMs: number): void {
    if (this.#pending || this.#over) return;
    this.#pending = true;
    this.#wire.at(atMs, this.#arrive);
  }

  readonly #arrive = (): void => {
    this.#pending = false;
    if (this.#over || this.#segments.length === 0) return;
    // What has not got through once is sent again by the sender's system, which died with it.
    if (this.#trouble !== undefined && this.#sender.isDead) return this.drop();
    const link = this.#wire.link(this.#sender, this.#receiver);
    if (link.resets > 0 && this.#wire.random.chance(link.resets)) return this.#wire.breakBoth(this.#sender, this.#receiver);
    const isLost = link.cut || !this.#receiver.hostIsUp || (link.loss > 0 && this.#wire.random.chance(link.loss));
    if (isLost) return this.#retry();
    this.#trouble = undefined;
    if (this.#receiver.isGone) return this.#wire.reset(this.#receiver, this.#sender);
    this.#deliver();
    if (this.#segments.length > 0 && !this.#waitsForRoom) this.#schedule(this.#segments[0].arrivesMs);
  };

  /** Nobody hears of a lost segment; the sender's system sends it again, less and less often. */
  #retry(): void {
    const trouble = (this.#trouble ??= { sinceMs: this.#wire.nowMs, retryMs: firstRetryMs });
    if (this.#wire.nowMs - trouble.sinceMs > this.#wire.giveUpMs) return this.#giveUp();
    this.#schedule(this.#wire.nowMs + trouble.retryMs);
    trouble.retryMs = Math.min(longestRetryMs, trouble.retryMs * 2);
  }

  #giveUp(): void {
    this.drop();
    this.#sender.lose('the other side does not answer', 'ETIMEDOUT');
  }

  #deliver(): void {
    const { nowMs } = this.#wire;
    let taken = 0;
    for (const segment of this.#segments) {
      if (segment.arrivesMs > nowMs) break;
      if (!this.#receiver.hasRoom) {
        this.#waitsForRoom = true;
        break;
      }
      taken++;
      if (segment.bytes > 0) this.#receiver.arrived(segment.pieces, segment.bytes);
      this.unackedBytes -= segment.bytes;
      if (segment.fin) this.#receiver.arrivedEnd();
    }
    this.#segments = taken === this.#segments.length ? [] : this.#segments.slice(taken);
    if (taken > 0) this.#sender.acknowledged();
  }
}
