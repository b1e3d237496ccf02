/**
 * `POST /v1/batch`: many operations in one trip, one JSON line each, answered by one JSON line each in the same order.
 * It is not one atomic operation. Lines run side by side, those of one key in their order.
 *
 * ```
 *  chunks ──▶ lines ──▶ window of at most `parallel` lines and 4 MiB ──▶ results, from the front as they are ready
 *    ▲                        │ full: no more is read
 *    └────────────────────────┘
 * ```
 *
 * The window is a queue: a line enters when it is read and leaves when its result is written, so a client that does not
 * read its results is not read from either.
 */
import { CoterieError } from '@coterie/env';
import { AnswerStream } from './answer-stream.ts';
import { type BatchOperation, parseLine, problemResult } from './batch-line.ts';
import { continueBody, overloaded, tooLarge } from './body.ts';
import type { Exchange } from './exchange.ts';
import { type Line, LineSplitter, tooLong } from './lines.ts';
import { ClientGone, HttpRefusal, type ProblemCode, problemOf } from './problem.ts';
import { parseQuery } from './query.ts';
import type { Service } from './service.ts';
import { epochOf } from './values.ts';

const windowBytesMax = 4 * 1024 * 1024;
/** Results above this take their bytes from the budget of bytes under way. */
const budgetedBytes = 4096;

interface Entry {
  readonly bytes: number;
  /** The result, once it is there. */
  text: string | undefined;
  budgeted: number;
}

/** `POST /v1/batch` */
export async function runBatch(exchange: Exchange): Promise<void> {
  const { service } = exchange;
  parseQuery(exchange.query, []);
  // Not a type that a web page may send to another site without asking first.
  if (!/^application\/x-ndjson\s*(;|$)/i.test(exchange.header('content-type') ?? '')) {
    throw new HttpRefusal('INVALID_ARGUMENT', 'a batch comes as Content-Type: application/x-ndjson, one operation a line', { status: 415 });
  }
  if (service.batches >= service.limits.batchesMax) {
    throw new CoterieError('OVERLOADED', 'too many batches are running; try again shortly', { details: { mayHaveTakenEffect: false } });
  }
  service.batches++;
  try {
    await new Batch(exchange).run();
  } finally {
    service.batches--;
  }
}

class Batch {
  private readonly exchange: Exchange;
  private readonly service: Service;
  private readonly stream: AnswerStream;
  private readonly window: Entry[] = [];
  private windowBytes = 0;
  /** Last operation of each key in the window. */
  private readonly tails = new Map<string, Promise<void>>();
  private readComplete = false;
  private failure: unknown;
  private changed: (() => void) | undefined;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
    this.service = exchange.service;
    continueBody(exchange);
    const headers = ['Content-Type', 'application/x-ndjson', 'Cache-Control', 'no-store', 'Coterie-Epoch', epochOf(exchange)];
    this.stream = new AnswerStream(exchange, { status: 200, headers, reserveBytes: 0 });
  }

  /** Resolves when all results are written; on failure, when all operations that began have ended. */
  async run(): Promise<void> {
    const reading = this.read().catch((error: unknown) => this.stop(error));
    const writing = this.write().catch((error: unknown) => this.stop(error));
    await Promise.all([reading, writing]);
    await Promise.all(this.tails.values());
    for (const entry of this.window) this.release(entry);
    if (this.failure !== undefined) throw this.failure;
    this.stream.end();
  }

  private async read(): Promise<void> {
    const splitter = new LineSplitter(this.service.limits.batchLineBytesMax);
    const chunks = this.exchange.request[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    for (;;) {
      const next = await this.nextChunk(chunks);
      if (next.done === true) break;
      this.service.meters.bytesIn += next.value.length;
      for (const line of splitter.push(next.value)) await this.admit(line);
    }
    for (const line of splitter.end()) await this.admit(line);
    this.readComplete = true;
    this.wake();
  }

  private async nextChunk(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    const watched = this.service.transfers.begin(0, { moved: () => 0, stalled: () => this.exchange.request.destroy() });
    try {
      return await chunks.next();
    } catch {
      throw new ClientGone('the client went away');
    } finally {
      watched?.end();
    }
  }

  /** Puts a line into the window as soon as there is room, and starts it. */
  private async admit(line: Line): Promise<void> {
    const { batchParallel, batchLineBytesMax } = this.service.limits;
    while (this.window.length >= batchParallel || this.windowBytes > windowBytesMax) {
      if (this.failure !== undefined) throw this.failure;
      await this.change();
    }
    if (this.failure !== undefined) throw this.failure;
    const entry: Entry = { bytes: line === tooLong ? 0 : line.length, text: undefined, budgeted: 0 };
    this.window.push(entry);
    this.windowBytes += entry.bytes;
    if (line === tooLong) this.settle(entry, problemResult(problemOf(tooLarge(batchLineBytesMax))));
    else this.start(entry, line);
  }

  private start(entry: Entry, line: Uint8Array): void {
    let operation: BatchOperation;
    try {
      operation = parseLine(line);
    } catch (error) {
      this.settle(entry, problemResult(problemOf(error)));
      return;
    }
    const before = this.tails.get(operation.order);
    const running = before === undefined ? this.perform(entry, operation) : before.then(() => this.perform(entry, operation));
    this.tails.set(operation.order, running);
    void running.then(() => {
      if (this.tails.get(operation.order) === running) this.tails.delete(operation.order);
    });
  }

  private async perform(entry: Entry, operation: BatchOperation): Promise<void> {
    const { clock, meters, trouble, node } = this.service;
    const startedAt = clock.monotonic();
    const took = (): number => (clock.monotonic() - startedAt) * 1000;
    try {
      const result = await operation.run(node);
      meters.record(operation.operation, (result as { code?: ProblemCode }).code ?? 'OK', took());
      this.settle(entry, result);
    } catch (error) {
      const problem = this.service.withMemberNames(problemOf(error));
      trouble.note(problem, error, this.exchange);
      meters.record(operation.operation, problem.code, took());
      this.settle(entry, problemResult(problem));
    }
  }

  private settle(entry: Entry, result: object): void {
    let text = `${JSON.stringify(result)}\n`;
    if (text.length > budgetedBytes) {
      if (this.service.transfers.take(text.length)) entry.budgeted = text.length;
      else text = `${JSON.stringify(problemResult(problemOf(overloaded())))}\n`;
    }
    entry.text = text;
    if (entry === this.window[0]) this.wake();
  }

  private async write(): Promise<void> {
    while (this.failure === undefined) {
      const ready = this.takeReady();
      if (ready.length > 0) {
        this.wake();
        await this.stream.write(ready.map((entry) => entry.text).join(''));
        for (const entry of ready) this.release(entry);
      } else if (this.readComplete && this.window.length === 0) {
        return;
      } else {
        await this.change();
      }
    }
  }

  /** Takes the results at the front of the window that are there, up to about 64 KiB. */
  private takeReady(): Entry[] {
    const ready: Entry[] = [];
    let bytes = 0;
    while (this.window.length > 0 && this.window[0].text !== undefined && bytes < 64 * 1024) {
      const entry = this.window.shift() as Entry;
      this.windowBytes -= entry.bytes;
      bytes += (entry.text as string).length;
      ready.push(entry);
    }
    return ready;
  }

  private release(entry: Entry): void {
    this.service.transfers.give(entry.budgeted);
    entry.budgeted = 0;
  }

  private stop(error: unknown): void {
    this.failure ??= error;
    this.exchange.request.destroy();
    this.wake();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.changed;
      this.changed = () => {
        before?.();
        resolve();
      };
    });
  }

  private wake(): void {
    const { changed } = this;
    this.changed = undefined;
    changed?.();
  }
}
