/**
 * Answers that are written piece by piece: siblings, pages of keys, results of a batch. A piece waits for the client to
 * have taken the ones before it, and for the next event-loop turn after each 64 KiB, so that neither memory nor a turn
 * grows with the answer. The client has to take it at the pace that bodies have to come in with.
 */
import type { Exchange } from './exchange.ts';
import { overloaded } from './body.ts';
import { whenEnded } from './ending.ts';
import { ClientGone } from './problem.ts';
import type { Transfer } from './transfers.ts';

const turnBytes = 64 * 1024;

/** An answer being written. */
export class AnswerStream {
  private readonly exchange: Exchange;
  private readonly transfer: Transfer;
  private written = 0;
  private sinceTurn = 0;
  private gone = false;
  private wake: (() => void) | undefined;

  /** Sends status and headers (names and values in turn). @throws `OVERLOADED` when `reserve` bytes are not free */
  constructor(exchange: Exchange, head: { readonly status: number; readonly headers: readonly string[]; readonly reserveBytes: number }) {
    const { response, service } = exchange;
    this.exchange = exchange;
    const transfer = service.transfers.begin(head.reserveBytes, {
      moved: () => this.written - (response.socket?.writableLength ?? 0),
      stalled: () => response.destroy(),
    });
    if (transfer === undefined) throw overloaded();
    this.transfer = transfer;
    service.streaming.add(exchange.request.socket);
    response.on('drain', this.onDrain);
    whenEnded(exchange, this.onClose);
    if (exchange.request.socket.destroyed) this.onClose();
    response.writeHead(head.status, head.headers as string[]);
  }

  /** Writes a piece; resolves when the next may come. @throws ClientGone */
  async write(piece: Uint8Array | string): Promise<void> {
    if (this.gone) throw new ClientGone('the client went away');
    const bytes = typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
    this.written += bytes;
    this.sinceTurn += bytes;
    this.exchange.service.meters.bytesOut += bytes;
    if (!this.exchange.response.write(piece)) await this.drained();
    if (this.sinceTurn < turnBytes) return;
    this.sinceTurn = 0;
    await this.exchange.service.timers.turn();
  }

  /** Ends the answer and counts the exchange as done. */
  end(): void {
    this.exchange.finish('OK');
    this.exchange.response.end();
  }

  private drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.wake = () => (this.gone ? reject(new ClientGone('the client went away')) : resolve());
      if (this.gone) this.wake();
    });
  }

  private readonly onDrain = (): void => {
    const { wake } = this;
    this.wake = undefined;
    wake?.();
  };

  private readonly onClose = (): void => {
    this.gone = true;
    this.exchange.service.streaming.delete(this.exchange.request.socket);
    this.transfer.end();
    this.onDrain();
  };
}
