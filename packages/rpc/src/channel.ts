/**
 * A connection as frames, kept alive and bounded. It knows nothing of requests.
 *
 * ```
 *  open ──close()──▶ closing (what is queued goes out) ──▶ closed, told once, with why
 *   │ └──refuse(error): the error goes out first ─▶ closing
 *   └──silent for silenceMs, broken rules, connection lost ──▶ closed
 * ```
 *
 * Silence: a side that has heard nothing for `pingMs` sends a ping, and the other's answer, or anything else it says, is
 * a sign of life. A half-open connection (the other lost power) is found in `silenceMs`.
 */
import { connectionLost, isCoterieError } from '@coterie/env';
import type { Connection, CoterieError, Timer } from '@coterie/env';
import { FrameParser } from './frame-parser.ts';
import { frameType, preamble } from './frame.ts';
import type { Frame } from './frame.ts';
import type { EndpointEnvironment, EndpointLimits } from './options.ts';
import { packFrame } from './outgoing-frame.ts';
import type { OutgoingFrame, PackedFrame } from './outgoing-frame.ts';
import { errorToBody } from './wire-error.ts';

/** Who holds a channel. */
export interface ChannelOwner {
  /** A frame other than ping and pong. What this throws ends the channel. */
  frame(frame: Frame): void;
  /** The queue to the other side has emptied after it was long. */
  drained(): void;
  /** Now and then, about every `pingMs`. */
  tick(): void;
  /** Over. Called once, last. */
  closed(reason: CoterieError): void;
}

/** What a channel is made of. */
export interface ChannelParts {
  readonly connection: Connection;
  readonly environment: EndpointEnvironment;
  readonly limits: EndpointLimits;
  readonly owner: ChannelOwner;
}

const pingFrame: OutgoingFrame = { type: frameType.ping, id: 0, body: null, values: [] };
const pongFrame: OutgoingFrame = { type: frameType.pong, id: 0, body: null, values: [] };

/** Longest frame of somebody who has not said who it is. */
const strangerFrameBytesMax = 65_536;

/** A connection that carries frames. */
export class Channel {
  readonly #parts: ChannelParts;
  readonly #parser: FrameParser;
  #held = false;
  #over = false;
  #reason: CoterieError | undefined;
  #heardMs: number;
  #timer: Timer;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
    this.#parser = new FrameParser(Math.min(strangerFrameBytesMax, parts.limits.frameBytesMax));
    this.#heardMs = parts.environment.clock.monotonic();
    this.#timer = this.#arm();
    parts.connection.send(preamble);
    parts.connection.start({
      data: (bytes) => this.#received(bytes),
      drain: () => this.#parts.owner.drained(),
      closed: (reason) => this.#closed(reason),
    });
  }

  get remoteAddress(): string {
    return this.#parts.connection.remoteAddress;
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#parts.connection.queuedBytes;
  }

  /** The other side has said who it is: frames may be as long as the limits say. */
  trust(): void {
    this.#parser.frameBytesMax = this.#parts.limits.frameBytesMax;
  }

  /** Sends a frame. False when the queue is long. @throws CoterieError `TOO_LARGE`, `INVALID_ARGUMENT`: nothing was sent */
  send(frame: OutgoingFrame): boolean {
    return this.sendPacked(packFrame(frame, this.#parts.limits.frameBytesMax));
  }

  /** Sends a packed frame. False when the queue is long. */
  sendPacked({ pieces }: PackedFrame): boolean {
    let hasRoom = true;
    for (const piece of pieces) hasRoom = this.#parts.connection.send(piece);
    return hasRoom;
  }

  /** Hands over at once what was sent in this turn. */
  flush(): void {
    this.#parts.connection.flush();
  }

  /** No frames until `release`; what comes waits unread. */
  hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#parts.connection.pause();
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#heardMs = this.#parts.environment.clock.monotonic();
    this.#read();
    if (!this.#held) this.#parts.connection.resume();
  }

  /** Tells the other side why, then closes. */
  refuse(error: CoterieError): void {
    if (this.#over) return;
    this.send({ type: frameType.refusal, id: 0, body: errorToBody(error), values: [] });
    this.close(error);
  }

  /** Closes when all that is queued is sent; `reason` is what the owner hears. */
  close(reason: CoterieError): void {
    this.#over = true;
    this.#held = false;
    this.#reason ??= reason;
    this.#parts.connection.close();
  }

  /** Closes at once. */
  destroy(reason: CoterieError): void {
    this.#over = true;
    this.#reason ??= reason;
    this.#parts.connection.destroy();
  }

  #received(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#heardMs = this.#parts.environment.clock.monotonic();
    this.#parser.feed(bytes);
    if (!this.#held) this.#read();
  }

  #read(): void {
    try {
      while (!this.#held && !this.#over) {
        const frame = this.#parser.next();
        if (frame === undefined) return;
        if (frame.type === frameType.ping) this.send(pongFrame);
        else if (frame.type !== frameType.pong) this.#parts.owner.frame(frame);
      }
    } catch (error) {
      if (!isCoterieError(error)) throw error;
      this.refuse(error);
    }
  }

  #closed(reason: CoterieError | undefined): void {
    this.#over = true;
    this.#timer.cancel();
    this.#parts.owner.closed(this.#reason ?? reason ?? connectionLost(this.remoteAddress, 'the other side closed the connection'));
  }

  #arm(): Timer {
    return this.#parts.environment.timers.after(this.#parts.limits.pingMs, () => this.#checkLife());
  }

  #checkLife(): void {
    const { environment, limits, owner } = this.#parts;
    this.#timer = this.#arm();
    const silentMs = environment.clock.monotonic() - this.#heardMs;
    if (silentMs >= limits.silenceMs && !this.#held) return this.#giveUp(silentMs);
    if (this.#over) return;
    if (silentMs >= limits.pingMs) this.send(pingFrame);
    owner.tick();
  }

  #giveUp(silentMs: number): void {
    this.destroy(connectionLost(this.remoteAddress, `no sign of life for ${Math.round(silentMs)} ms`));
  }
}
