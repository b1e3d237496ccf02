/**
 * A network that is a few lists: whoever listens is found by the address it gave, and bytes arrive in the next step.
 * Nothing of it leaves the process.
 */
import { type Connection, type ConnectionHandlers, CoterieError, type Listener, type Network, connectionLost } from '@coterie/env';
import type { StageTime } from './stage-time.ts';

/** The network of a stage. */
export class StageNetwork implements Network {
  readonly #time: StageTime;
  readonly #doors = new Map<string, (connection: Connection) => void>();

  constructor(time: StageTime) {
    this.#time = time;
  }

  async listen(address: string, accept: (connection: Connection) => void): Promise<Listener> {
    if (this.#doors.has(address)) throw new CoterieError('LOCKED', `${address} is in use`, { details: { address } });
    this.#doors.set(address, accept);
    return { address, close: async () => void this.#doors.delete(address) };
  }

  async connect(address: string): Promise<Connection> {
    await this.#time.turn();
    const accept = this.#doors.get(address);
    if (accept === undefined) throw connectionLost(address, 'nobody listens');
    const [near, far] = [new StageConnection(this.#time, address), new StageConnection(this.#time, 'stage:0')];
    near.meet(far);
    far.meet(near);
    this.#time.soon(() => accept(far));
    return near;
  }
}

/** One end of a stream. What is sent to an end that has not started is kept for it. */
class StageConnection implements Connection {
  readonly remoteAddress: string;
  /** What was sent has arrived, as far as a sender can know. */
  readonly queuedBytes = 0;
  readonly #time: StageTime;
  #other: StageConnection | undefined;
  #handlers: ConnectionHandlers | undefined;
  #arrived: Uint8Array[] = [];
  #isPaused = false;
  #isAwaited = false;
  /** Set once either side has ended it: what its owner is told. */
  #ending: { readonly reason: CoterieError | undefined } | undefined;
  #isOver = false;

  constructor(time: StageTime, remoteAddress: string) {
    this.#time = time;
    this.remoteAddress = remoteAddress;
  }

  meet(other: StageConnection): void {
    this.#other = other;
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#deliverSoon();
  }

  send(bytes: Uint8Array): boolean {
    if (this.#ending === undefined) this.#other?.take(bytes);
    return true;
  }

  flush(): void {}

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliverSoon();
  }

  close(): void {
    this.#arrived = [];
    this.end(undefined);
    this.#other?.end(undefined);
  }

  destroy(): void {
    this.#arrived = [];
    this.end(connectionLost(this.remoteAddress, 'this side gave up the connection'));
    this.#other?.end(connectionLost(this.remoteAddress, 'the other side gave up the connection'));
  }

  take(bytes: Uint8Array): void {
    if (this.#ending !== undefined) return;
    this.#arrived.push(bytes);
    this.#deliverSoon();
  }

  end(reason: CoterieError | undefined): void {
    this.#ending ??= { reason };
    this.#deliverSoon();
  }

  #deliverSoon(): void {
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    this.#time.soon(() => this.#deliver());
  }

  #deliver(): void {
    this.#isAwaited = false;
    const handlers = this.#handlers;
    if (handlers === undefined || this.#isOver) return;
    while (this.#arrived.length > 0 && !this.#isPaused) handlers.data(this.#arrived.shift() as Uint8Array);
    if (this.#ending === undefined || this.#arrived.length > 0) return;
    this.#isOver = true;
    handlers.closed(this.#ending.reason);
  }
}
