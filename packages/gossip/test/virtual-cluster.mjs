/**
 * Membership alone in virtual time: many machines, one thread, one seed. No sockets, no files, only an event loop: a wheel
 * of milliseconds into which messages and wake-ups are put. Lean, because it is to hold ten thousand machines.
 *
 * Plain JavaScript, so that the tests run it over the sources and `benchmarks/simulate/gossip.mjs` over the built package.
 */

/** @typedef {import('../src/index.ts').GossipMachine} GossipMachine */
/** @typedef {import('../src/index.ts').Effect} Effect */
/** @typedef {{ readonly to: number, readonly from: string, readonly bytes: Uint8Array | undefined, readonly at: number }} Event */

/**
 * @typedef {object} VirtualClusterOptions
 * @property {number} seed
 * @property {number} [loss] part of all messages that get lost
 * @property {readonly [number, number]} [latencyMs] least and most
 * @property {(from: number, effect: Effect) => void} [onEffect] sees every effect of every machine
 */

/** Milliseconds that the wheel spans; every deadline of a machine lies nearer. */
const wheelMs = 32_768;

/** A seeded generator (sfc32, Chris Doty-Humphrey). @implements {Pick<import('@coterie/env').Random, 'u32' | 'fill'>} */
export class Sfc32 {
  #a;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #d = 1;

  /** @param {number} seed */
  constructor(seed) {
    this.#a = seed | 0;
    for (let i = 0; i < 12; i++) this.u32();
  }

  /** @returns {number} */
  u32() {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** @param {Uint8Array} into */
  fill(into) {
    for (let i = 0; i < into.length; i++) into[i] = this.u32();
    return into;
  }

  /** A uniform number in [0, 1). */
  fraction() {
    return this.u32() / 2 ** 32;
  }
}

/** Machines, and the network between them. */
export class VirtualCluster {
  /** Virtual milliseconds since the beginning. */
  now = 0;
  /** Whether a message gets through besides what chance loses. @type {(from: number, to: number) => boolean} */
  isOpen = () => true;
  /** @type {GossipMachine[]} */
  machines = [];
  random;
  #loss;
  #latencyMs;
  #onEffect;
  /** @type {Event[][]} */
  #wheel = Array.from({ length: wheelMs }, () => []);
  /** @type {Map<string, number>} */
  #byAddress = new Map();
  /** @type {string[]} */
  #addresses = [];
  /** @type {number[]} when each machine is to be woken; infinite when it is stopped */
  #wakeAt = [];
  /** @type {boolean[]} */
  #stopped = [];

  /** @param {VirtualClusterOptions} options */
  constructor({ seed, loss = 0, latencyMs = [1, 4], onEffect = () => {} }) {
    this.random = new Sfc32(seed);
    this.#loss = loss;
    this.#latencyMs = latencyMs;
    this.#onEffect = onEffect;
  }

  /**
   * Adds a machine that listens at an address (in place of whoever did), and starts it. Returns its number.
   * @param {GossipMachine} machine
   * @param {string} address
   */
  add(machine, address) {
    const index = this.machines.length;
    this.machines.push(machine);
    this.#addresses.push(address);
    this.#byAddress.set(address, index);
    this.#wakeAt.push(Number.POSITIVE_INFINITY);
    this.#stopped.push(false);
    this.act(index, () => machine.start(this.now));
    return index;
  }

  /** @param {number} index */
  addressOf(index) {
    return this.#addresses[index];
  }

  /** The machine that listens at an address. @param {string} address */
  at(address) {
    return this.#byAddress.get(address);
  }

  /** It neither hears nor does anything from now on. @param {number} index */
  stop(index) {
    this.#stopped[index] = true;
    this.#wakeAt[index] = Number.POSITIVE_INFINITY;
  }

  /** @param {number} index */
  isStopped(index) {
    return this.#stopped[index];
  }

  /** A stopped machine goes on, as a process does after SIGCONT. @param {number} index */
  resume(index) {
    this.#stopped[index] = false;
    this.act(index, () => this.machines[index].tick(this.now));
  }

  /**
   * Carries out what a machine asks for after a call of one of its methods.
   * @param {number} index
   * @param {() => readonly Effect[]} call
   */
  act(index, call) {
    for (const effect of call()) {
      this.#onEffect(index, effect);
      if (effect.kind === 'send') this.#post(index, effect.address, effect.bytes);
    }
    this.#schedule(index);
  }

  /** Lets virtual time pass. @param {number} untilMs */
  run(untilMs) {
    while (this.now < untilMs) {
      const events = this.#wheel[this.now % wheelMs];
      for (let i = 0; i < events.length; i++) this.#happen(events[i]);
      events.length = 0;
      this.now++;
    }
  }

  /** @param {Event} event */
  #happen({ to, from, bytes, at }) {
    if (this.#stopped[to]) return;
    const machine = this.machines[to];
    if (bytes !== undefined) this.act(to, () => machine.receive(this.now, from, bytes));
    else if (this.#wakeAt[to] === at) {
      this.#wakeAt[to] = Number.POSITIVE_INFINITY;
      this.act(to, () => machine.tick(this.now));
    }
  }

  /** @param {number} from @param {string} address @param {Uint8Array} bytes */
  #post(from, address, bytes) {
    const to = this.#byAddress.get(address);
    if (to === undefined || !this.isOpen(from, to) || this.random.fraction() < this.#loss) return;
    const [least, most] = this.#latencyMs;
    const at = this.now + Math.max(1, Math.round(least + (most - least) * this.random.fraction() ** 2));
    this.#wheel[at % wheelMs].push({ to, from: this.#addresses[from], bytes, at });
  }

  /** @param {number} index */
  #schedule(index) {
    if (this.#stopped[index]) return;
    const at = Math.max(Math.ceil(this.machines[index].dueAt), this.now + 1);
    if (at >= this.#wakeAt[index]) return;
    this.#wakeAt[index] = at;
    this.#wheel[at % wheelMs].push({ to: index, from: '', bytes: undefined, at });
  }
}
