/**
 * A disk that can lose power: the state of all files and names, what of it is safe, and the faults it has been told to
 * have. It knows no time; `files.ts` gives it one.
 *
 * ```
 *            ┌──────── restart(seed) ◀───────┐
 *            ▼                               │
 *  in use (life n) ──powerCut(), crashAt──▶ down ──clone()──▶ another disk, down in the same state
 * ```
 *
 * While it is down, nothing is decided yet: each clone can be restarted with a seed of its own, and each seed is another
 * outcome of the same crash. Cloning costs a little per file and nothing per byte.
 */
import { SeededRandom } from '../random.ts';
import type { Life } from '../schedule.ts';
import { drawMood, survivingContent } from './crash.ts';
import { copyDisk } from './copy.ts';
import { chunkBytes } from './content.ts';
import { CrashError, isMutation, systemError } from './faults.ts';
import type { DiskFault, DiskFaultPlan, DiskOperation, DiskOperationKind } from './faults.ts';
import { Namespace } from './namespace.ts';
import { DirectoryNode, FileNode } from './nodes.ts';

/** A question to the disk, with what answers it. */
export interface DiskRequest<T> {
  readonly kind: DiskOperationKind;
  readonly path: string;
  readonly to?: string;
  readonly position?: number;
  /** What a write writes. */
  readonly bytes?: Uint8Array;
  /** For a read, how much it asks for. */
  readonly length?: number;
  /** The file whose unsynced bytes are lost when this fails. */
  readonly syncs?: FileNode;
  /** Does it. A write stops after `shortWriteBytes` and fails. */
  run(shortWriteBytes?: number): T;
}

/** A disk. */
export class SimulatedDisk {
  /** Space for file contents, in whole blocks of 4 KiB. */
  capacityBytes: number = 2 ** 40;
  /** Whether everything that changes the disk fails with `EROFS`. */
  readOnly = false;
  /** Handles that may be open at once; one more fails with `EMFILE`. */
  maxOpen: number = Infinity;
  /** Told of every operation before it happens; the simulation's trace listens. */
  onOperation: ((operation: DiskOperation, bytes: Uint8Array | undefined) => void) | undefined;
  /** @internal The names and files. */
  readonly names: Namespace;
  /** @internal Handles open now. */
  openHandles = 0;
  /** @internal Blocks in use now. */
  usedBlocks = 0;
  readonly #random: SeededRandom;
  #life: Life = { number: 1, ended: false };
  #killed = false;
  #nextNode = 2;
  #operations = 0;
  #mutations = 0;
  #crashAt: number | undefined;
  #crashAtMutation: number | undefined;
  #fault: DiskFaultPlan | undefined;

  constructor(seed: number, names: Namespace = new Namespace(new DirectoryNode(1))) {
    this.#random = new SeededRandom(seed, 0xd15c);
    this.names = names;
  }

  /** Operations so far, of any kind. */
  get operationCount(): number {
    return this.#operations;
  }

  /** Operations so far that may change what a crash leaves. */
  get mutationCount(): number {
    return this.#mutations;
  }

  /** Whether power has failed and the disk has not been restarted. */
  get isDown(): boolean {
    return this.#life.ended;
  }

  /** @internal The process that uses the disk now, or used it last. */
  get life(): Life {
    return this.#life;
  }

  /** Lets `plan` decide over every operation from now on; `undefined` ends that. */
  setFault(plan: DiskFaultPlan | undefined): void {
    this.#fault = plan;
  }

  /** The next operation of this kind meets `fault`; those after it go by the plan that was set before. */
  failNext(kind: DiskOperationKind, fault: DiskFault): void {
    const before = this.#fault;
    this.#fault = (operation) => {
      if (operation.kind !== kind) return before?.(operation);
      this.#fault = before;
      return fault;
    };
  }

  /** Power fails in the midst of the operation with this index (the first is 0). */
  crashAt(index: number | undefined): void {
    this.#crashAt = index;
  }

  /** Power fails in the midst of the operation that `mutationCount` counts as this one (the first is 0). */
  crashAtMutation(index: number | undefined): void {
    this.#crashAtMutation = index;
  }

  /** Power fails now. What survives is decided at the restart. Every handle is dead, every operation from now on too. */
  powerCut(): void {
    this.#life.ended = true;
  }

  /** Power fails, and what survives is decided by `seed`, by default the disk's own. Restart it to use it again. */
  crash(seed?: number): void {
    this.powerCut();
    this.#killed = false;
    this.#settle(seed);
  }

  /** The process that uses the disk is killed: its handles are dead, the system keeps all that it wrote. Restart to go on. */
  kill(): void {
    this.powerCut();
    this.#killed = true;
    this.openHandles = 0;
    this.usedBlocks = 0;
    for (const file of new Set(this.names.files().map(({ file }) => file))) {
      file.open = 0;
      this.usedBlocks += file.current.blocks;
    }
  }

  /**
   * Begins a new life: after `kill` on everything that was written, else on what survived (decided now by `seed`, unless
   * `crash` did). Cuts the power first if it is on.
   */
  restart(seed?: number): void {
    if (!this.#killed || !this.isDown) this.crash(seed);
    this.#killed = false;
    this.#crashAt = undefined;
    this.#crashAtMutation = undefined;
    this.#life = { number: this.#life.number + 1, ended: false };
  }

  /** A copy of the disk as if power failed in this moment: down, undecided, without faults, counting from 0. */
  clone(): SimulatedDisk {
    const copy = new SimulatedDisk(this.#operations, copyDisk(this.names));
    copy.capacityBytes = this.capacityBytes;
    copy.maxOpen = this.maxOpen;
    copy.#nextNode = this.#nextNode;
    copy.#life = { number: this.#life.number, ended: true };
    return copy;
  }

  /** Loses what lies under a path, for good, while no process uses the disk. @throws Error while one does */
  erase(path: string): void {
    if (!this.isDown) throw new Error('a disk in use loses no files');
    this.names.erase(path);
    this.#recount();
  }

  /** Inverts one bit of what is stored of a file. @throws RangeError past its end */
  flipBit(path: string, offset: number, bit: number): void {
    const file = this.#fileAt(path);
    if (offset < 0 || offset >= file.current.size) throw new RangeError(`${path} has no byte ${offset}`);
    const byte = new Uint8Array(1);
    for (const content of [file.current, file.durable]) {
      if (content.read(byte, 0, 1, offset) === 0) continue;
      byte[0] ^= 1 << bit;
      content.write(byte, offset);
    }
    file.pending = file.pending.map((change) => {
      if (change.kind !== 'write' || offset < change.position || offset >= change.position + change.bytes.length) return change;
      const bytes = change.bytes.slice();
      bytes[offset - change.position] ^= 1 << bit;
      return { ...change, bytes };
    });
  }

  /** What a file holds now. Not an operation. */
  contents(path: string): Uint8Array {
    return this.#fileAt(path).current.toBytes();
  }

  /** Paths of all files that have names now, sorted. Not an operation. */
  paths(): string[] {
    return this.names.files().map(({ path }) => path);
  }

  /** Bytes that can still be written. */
  get freeBytes(): number {
    return Math.max(0, this.#freeBlocks) * chunkBytes;
  }

  get #freeBlocks(): number {
    return Math.floor(this.capacityBytes / chunkBytes) - this.usedBlocks;
  }

  /** @internal Counts an operation and asks the plan. @throws CrashError when `life` has ended */
  announce(life: Life, request: DiskRequest<unknown>): DiskFault | undefined {
    this.assertAlive(life, request);
    const { kind, path, to, position, bytes } = request;
    const mutation = isMutation(kind) ? this.#mutations++ : undefined;
    const operation: DiskOperation = {
      index: this.#operations++,
      mutation,
      kind,
      path,
      to,
      position,
      length: bytes?.length ?? request.length,
    };
    this.onOperation?.(operation, bytes);
    if (operation.index === this.#crashAt || (mutation !== undefined && mutation === this.#crashAtMutation)) return 'crash';
    return this.#fault?.(operation);
  }

  /** @internal Does an announced operation, with what the plan said. */
  execute<T>(life: Life, request: DiskRequest<T>, fault: DiskFault | undefined): T {
    this.assertAlive(life, request);
    if (fault === 'crash') this.#crashDuring(request);
    if (this.readOnly && isMutation(request.kind)) throw systemError(request.kind, request.path, 'EROFS');
    const { error, shortWriteBytes } = fault ?? {};
    if (shortWriteBytes !== undefined && request.kind === 'write') {
      request.run(shortWriteBytes);
      throw systemError(request.kind, request.path, error ?? 'ENOSPC');
    }
    if (error !== undefined) {
      request.syncs?.dropPending();
      // Linux gives the descriptor back whatever it says: close(2), "Dealing with error returns from close()".
      if (request.kind === 'close') request.run();
      throw systemError(request.kind, request.path, error);
    }
    return request.run();
  }

  /** @internal @throws CrashError when `life` has ended */
  assertAlive(life: Life, request: { readonly kind: string; readonly path: string }): void {
    if (!life.ended) return;
    const advice = this.#life === life ? 'the disk has no power' : 'it belongs to a life that ended: take simulation.environment again';
    throw new CrashError(`cannot ${request.kind} ${request.path}: ${advice}`);
  }

  /** @internal A fresh file. */
  newFile(): FileNode {
    return new FileNode(this.#nextNode++);
  }

  /** @internal A fresh directory. */
  newDirectory(): DirectoryNode {
    return new DirectoryNode(this.#nextNode++);
  }

  /** @internal How many of `bytes` fit at `position`. */
  fitting(file: FileNode, position: number, length: number): number {
    const needed = file.current.newBlocks(position, position + length);
    const missing = needed - this.#freeBlocks;
    if (missing <= 0) return length;
    let fit = length;
    while (fit > 0 && file.current.newBlocks(position, position + fit) > this.#freeBlocks) {
      fit = Math.max(0, Math.floor((position + fit - 1) / chunkBytes) * chunkBytes - position);
    }
    return fit;
  }

  /** @internal A file without names and handles gives its space back. */
  releaseIfUnused(file: FileNode): void {
    if (file.links === 0 && file.open === 0) this.usedBlocks -= file.current.blocks;
  }

  #crashDuring(request: DiskRequest<unknown>): never {
    const extent = this.#random.below(3);
    try {
      if (extent === 1) request.run();
      else if (extent === 2 && request.bytes !== undefined) request.run(this.#random.below(request.bytes.length + 1));
    } catch {
      // Whatever it would have answered, nobody is left to hear it.
    }
    this.powerCut();
    throw new CrashError(`power failed at operation ${this.#operations - 1}: ${request.kind} ${request.path}`);
  }

  /** Decides what survives. Deciding again changes nothing: nothing is pending any more. */
  #settle(seed: number | undefined): void {
    const random = seed === undefined ? this.#random : new SeededRandom(seed, 0xdead);
    const mood = drawMood(random);
    this.names.crash(random, mood.keep);
    this.openHandles = 0;
    for (const file of new Set(this.names.files().map((found) => found.file))) file.reset(survivingContent(file, mood, random));
    this.#recount();
  }

  /** Counts names and blocks of what is there; nobody has anything open. */
  #recount(): void {
    this.usedBlocks = 0;
    const files = this.names.files().map(({ file }) => file);
    for (const file of files) file.links = 0;
    for (const file of files) if (file.links++ === 0) this.usedBlocks += file.current.blocks;
  }

  #fileAt(path: string): FileNode {
    const node = this.names.find(path);
    if (!(node instanceof FileNode)) throw new Error(`no file ${path} on the simulated disk`);
    return node;
  }
}
