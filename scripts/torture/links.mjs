/**
 * The links between the nodes, each of which can be cut by direction. Every node advertises a door of ours instead of its
 * own; whoever dials says who it is with its first frame, so one door serves all pairs.
 *
 * ```
 *   node-1 ──dials──▶ door of node-2 ──hello names node-1──▶ node-2
 *                          │ 1 → 2 cut: what node-1 sends stays in our sockets
 *                          │ 2 → 1 cut: what node-2 answers stays there
 *                          └ either cut: a new connection is not made until both are open
 * ```
 *
 * A cut is silence, as from a network that drops packets: nothing is refused, nothing ends, and when it heals, what was
 * under way arrives late, as by TCP's own repeats.
 */
import { connect, createServer } from 'node:net';
import { FrameParser } from '../../packages/rpc/dist/index.js';
import { unpackBody } from '../../packages/rpc/dist/body.js';
import { helloFromBody } from '../../packages/rpc/dist/handshake.js';

/** @typedef {import('node:net').Socket} Socket */
/** @typedef {{ name: string, host: string, port: number }} Door where a node really listens */

const helloBytesMax = 64 * 1024;
const host = '127.0.0.1';

/** One direction of a connection. */
class Pump {
  #isOpen = false;
  /** @type {Socket} */
  #from;

  /**
   * @param {Socket} from
   * @param {Socket} to
   */
  constructor(from, to) {
    this.#from = from;
    from.on('data', (chunk) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => this.#isOpen && from.resume());
    from.on('end', () => to.end());
    from.on('close', () => to.destroy());
  }

  /** @param {boolean} isOpen whether bytes pass */
  set isOpen(isOpen) {
    this.#isOpen = isOpen;
    if (isOpen) this.#from.resume();
    else this.#from.pause();
  }
}

/** One connection, from its hello on. */
class Conversation {
  /** @type {Links} */
  #links;
  /** @type {Socket} */
  #dialler;
  /** @type {Door} */
  #door;
  /** Name of who dialled; empty for a stranger, who is never cut off. */
  from = '';
  /** @type {{ out: Pump, back: Pump } | undefined} */
  #pumps;
  /** @type {Buffer[]} */
  #held = [];
  #parser = new FrameParser(helloBytesMax);
  #isKnown = false;

  /**
   * @param {Links} links
   * @param {Socket} dialler
   * @param {Door} door
   */
  constructor(links, dialler, door) {
    this.#links = links;
    this.#dialler = dialler;
    this.#door = door;
    dialler.on('error', () => {});
    dialler.on('data', this.#hear);
  }

  /** @param {string} name @returns {boolean} whether the node is at either end */
  isOf(name) {
    return name === this.from || name === this.#door.name;
  }

  end() {
    this.#dialler.destroy();
  }

  /** Lets pass what may pass now. */
  update() {
    const { from } = this;
    const out = this.#links.isOpen(from, this.#door.name);
    const back = this.#links.isOpen(this.#door.name, from);
    if (this.#pumps !== undefined) {
      this.#pumps.out.isOpen = out;
      this.#pumps.back.isOpen = back;
    } else if (this.#isKnown && out && back && !this.#dialler.destroyed) {
      this.#dial();
    }
  }

  /** @type {(chunk: Buffer) => void} */
  #hear = (chunk) => {
    this.#held.push(chunk);
    if (this.#isKnown) return;
    const name = this.#nameIn(chunk);
    if (name === undefined) return;
    this.from = name;
    this.#isKnown = true;
    this.update();
  };

  /**
   * @param {Buffer} chunk
   * @returns {string | undefined} who dials, once the hello is there
   */
  #nameIn(chunk) {
    try {
      this.#parser.feed(chunk);
      const frame = this.#parser.next();
      if (frame === undefined) return undefined;
      return this.#links.nameAt(helloFromBody(unpackBody(frame.bytes, frame.bodyStart, frame.bodyEnd)).address);
    } catch {
      return '';
    }
  }

  #dial() {
    const dialler = this.#dialler;
    dialler.off('data', this.#hear);
    dialler.pause();
    const target = connect({ host: this.#door.host, port: this.#door.port, noDelay: true });
    target.on('error', () => {});
    this.#pumps = { out: new Pump(dialler, target), back: new Pump(target, dialler) };
    for (const chunk of this.#held.splice(0)) target.write(chunk);
    this.update();
  }
}

/** All doors, and what passes between whom. */
export class Links {
  /** @type {Map<string, string>} advertised address → name */
  #names = new Map();
  /** @type {Set<string>} directions that are cut, `from→to` */
  #cut = new Set();
  /** @type {Set<Conversation>} */
  #conversations = new Set();
  /** @type {Set<Socket>} */
  #sockets = new Set();
  /** @type {import('node:net').Server[]} */
  #servers = [];

  /**
   * Opens a door for a node.
   * @param {Door} door
   * @returns {Promise<string>} the address that the node is to advertise
   */
  async open(door) {
    const server = createServer({ noDelay: true }, (socket) => {
      const conversation = new Conversation(this, socket, door);
      this.#conversations.add(conversation);
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#conversations.delete(conversation);
        this.#sockets.delete(socket);
      });
    });
    await new Promise((resolve) => server.listen(0, host, () => resolve(undefined)));
    this.#servers.push(server);
    const address = `${host}:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
    this.#names.set(address, door.name);
    return address;
  }

  /** @param {string} address @returns {string} the node that advertises it; empty for a stranger */
  nameAt(address) {
    return this.#names.get(address) ?? '';
  }

  /** @param {string} from @param {string} to @returns {boolean} */
  isOpen(from, to) {
    return !this.#cut.has(`${from}→${to}`);
  }

  /**
   * Cuts all directions from one group to another; others are as they were.
   * @param {readonly string[]} from
   * @param {readonly string[]} to
   */
  cut(from, to) {
    for (const one of from) for (const other of to) if (one !== other) this.#cut.add(`${one}→${other}`);
    this.#update();
  }

  /**
   * Ends all connections of a node, and with them what was under way: as when its machine loses power, not only its process.
   * @param {string} name
   */
  sever(name) {
    for (const conversation of this.#conversations) if (conversation.isOf(name)) conversation.end();
  }

  /** Opens everything. */
  heal() {
    this.#cut.clear();
    this.#update();
  }

  /** Closes all doors. */
  close() {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #update() {
    for (const conversation of this.#conversations) conversation.update();
  }
}
