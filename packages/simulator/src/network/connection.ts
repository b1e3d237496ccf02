/**
 * One end of a simulated connection. What arrives waits in a receive buffer until the process has time for it: paused or
 * busy processes and paused connections let it fill, and then hold up the sender.
 *
 * Received bytes are handed over as copies, cut in two at a seeded place now and then, so that nobody comes to rely on
 * where pieces end or on sharing memory with the sender.
 */
import { connectionLost, sendQueueMaxBytes, sendQueueWiseBytes } from '@coterie/env';
import type { Connection, ConnectionHandlers, CoterieError } from '@coterie/env';
import type { Life, Schedule } from '../schedule.ts';
import { Pipe } from './pipe.ts';
import type { Wire } from './wire.ts';

/** The process that holds an end. */
export interface Holder {
  readonly machine: string;
  readonly schedule: Schedule;
  readonly life: Life;
  /** Whether its machine has power now, in this life or a later one. */
  isUp(): boolean;
}

/** Bytes that a system takes from a process before the process has to queue them itself. */
const systemBufferBytes = 262_144;
/** Bytes that a system receives for a process that does not read. */
const receiveBufferBytes = 262_144;
const cutInTwo = 0.2;

/** One end of a connection. */
export class SimulatedConnection implements Connection {
  readonly remoteAddress: string;
  readonly #wire: Wire;
  readonly #holder: Holder;
  #peer: SimulatedConnection | undefined;
  #out: Pipe | undefined;
  #in: Pipe | undefined;
  #handlers: ConnectionHandlers | undefined;
  /** How it ended, if it did so before it was started. */
  #untold: (() => void) | undefined;
  #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #endReceived = false;
  #paused = false;
  #readScheduled = false;
  #wantsDrain = false;
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(wire: Wire, holder: Holder, remoteAddress: string) {
    this.#wire = wire;
    this.#holder = holder;
    this.remoteAddress = remoteAddress;
  }

  /** Joins two ends. */
  static join(wire: Wire, a: SimulatedConnection, b: SimulatedConnection): void {
    a.#peer = b;
    b.#peer = a;
    a.#out = b.#in = new Pipe(wire, a, b);
    b.#out = a.#in = new Pipe(wire, b, a);
  }

  get peer(): SimulatedConnection | undefined {
    return this.#peer;
  }

  get machine(): string {
    return this.#holder.machine;
  }

  get nowMs(): number {
    return this.#holder.schedule.nowMs;
  }

  get life(): Life {
    return this.#holder.life;
  }

  /** Whether its process ended. */
  get isDead(): boolean {
    return this.#holder.life.ended;
  }

  get hostIsUp(): boolean {
    return this.#holder.isUp();
  }

  /** Whether its system knows it no more. */
  get isGone(): boolean {
    return this.#state === 'closed' || this.isDead;
  }

  get hasRoom(): boolean {
    return this.#receivedBytes < receiveBufferBytes || this.#state !== 'open';
  }

  get queuedBytes(): number {
    return Math.max(0, (this.#out?.unackedBytes ?? 0) - systemBufferBytes);
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#state === 'closed') {
      // It ended before anybody listened: that is told now, or whoever starts it waits for ever.
      const untold = this.#untold;
      if (untold !== undefined) this.#later(() => untold());
      return;
    }
    this.#scheduleRead();
  }

  send(bytes: Uint8Array): boolean {
    if (this.#state !== 'open' || this.isDead) return true;
    if (bytes.length > 0) this.#out?.send(bytes);
    const queued = this.queuedBytes;
    if (queued > sendQueueMaxBytes) this.destroy();
    if (queued <= sendQueueWiseBytes) return true;
    this.#wantsDrain = true;
    return false;
  }

  /** What is sent in one instant is one segment anyway. */
  flush(): void {}

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#scheduleRead();
  }

  close(): void {
    if (this.#state !== 'open' || this.isDead) return;
    this.#state = 'closing';
    this.#discardReceived();
    this.#out?.finish();
    if (this.#endReceived) this.#scheduleRead();
  }

  destroy(): void {
    if (this.#state === 'closed' || this.isDead) return;
    if (this.#peer !== undefined) this.#wire.reset(this, this.#peer);
    this.lose('this side gave up the connection');
  }

  /** @internal Bytes reached this end's system. */
  arrived(pieces: readonly Uint8Array[], bytes: number): void {
    if (this.#state !== 'open') return;
    const copy = new Uint8Array(bytes);
    let at = 0;
    for (const piece of pieces) {
      copy.set(piece, at);
      at += piece.length;
    }
    this.#wire.note(copy);
    this.#received.push(copy);
    this.#receivedBytes += bytes;
    this.#scheduleRead();
  }

  /** @internal The peer sends no more. */
  arrivedEnd(): void {
    this.#endReceived = true;
    this.#scheduleRead();
  }

  /** @internal The peer's system has what was sent. */
  acknowledged(): void {
    if (!this.#wantsDrain || this.queuedBytes > 0) return;
    this.#wantsDrain = false;
    this.#later(() => {
      if (this.#state === 'open') this.#handlers?.drain();
    });
  }

  /** @internal The connection is lost for this end. */
  lose(why: string, osCode?: string): void {
    if (this.#state === 'closed') return;
    this.#end(connectionLost(this.remoteAddress, why, osCode));
  }

  #end(reason: CoterieError | undefined): void {
    this.#state = 'closed';
    this.#discardReceived();
    this.#out?.drop();
    this.#in?.roomMade();
    this.#wire.forget(this);
    this.#later(() => this.#tellClosed(reason));
  }

  #tellClosed(reason: CoterieError | undefined): void {
    if (this.#handlers === undefined) this.#untold = () => this.#handlers?.closed(reason);
    else this.#handlers.closed(reason);
  }

  #discardReceived(): void {
    this.#received = [];
    this.#receivedBytes = 0;
    this.#in?.roomMade();
  }

  #scheduleRead(): void {
    const hasNews = this.#received.length > 0 || this.#endReceived;
    if (this.#readScheduled || !hasNews || this.#state === 'closed') return;
    if (this.#state === 'open' && (this.#paused || this.#handlers === undefined)) return;
    this.#readScheduled = true;
    this.#later(this.#read);
  }

  readonly #read = (): void => {
    this.#readScheduled = false;
    if (this.#state === 'closed') return;
    const handlers = this.#handlers;
    while (this.#received.length > 0 && this.#isReading) {
      const bytes = this.#received.shift() as Uint8Array;
      this.#receivedBytes -= bytes.length;
      this.#hand(handlers as ConnectionHandlers, bytes);
    }
    this.#in?.roomMade();
    if (this.#endReceived && this.#received.length === 0) this.#ended();
  };

  get #isReading(): boolean {
    return this.#state === 'open' && !this.#paused;
  }

  #hand(handlers: ConnectionHandlers, bytes: Uint8Array): void {
    const { random } = this.#wire;
    if (bytes.length < 2 || !random.chance(cutInTwo)) return handlers.data(bytes);
    const at = 1 + random.below(bytes.length - 1);
    handlers.data(bytes.subarray(0, at));
    const rest = bytes.subarray(at);
    if (this.#isReading) return handlers.data(rest);
    this.#received.unshift(rest);
    this.#receivedBytes += rest.length;
  }

  /** Both directions end together, as with Node's sockets. */
  #ended(): void {
    if (this.#state === 'open') this.#out?.finish();
    this.#state = 'closed';
    this.#wire.forget(this);
    this.#tellClosed(undefined);
  }

  #later(callback: () => void): void {
    if (!this.isDead) this.#holder.schedule.after(0, this.#holder.life, callback);
  }
}
