/**
 * One keep-alive connection that sends a request and reads its answer, written by hand: node's own client costs several
 * times the server it is to load. Understands what these servers send: a status line, headers, and either Content-Length,
 * chunks, or no body (204, 304).
 */
import { connect } from 'node:net';

const nothing = Buffer.alloc(0);

/** A connection with at most one request under way. */
export class Wire {
  #socket;
  #held = nothing;
  #waiting = undefined;

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    const lost = (error) => this.#fail(error ?? new Error('the server closed the connection'));
    socket.on('error', lost);
    socket.on('close', () => lost());
  }

  /** Opens a connection. */
  static open({ host, port }) {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Wire(socket));
      });
    });
  }

  /** Sends `head` (request line and headers, without the last empty line) and `body`; resolves to `{ status, head, body }`. */
  request(head, body = nothing) {
    const length = body.length > 0 || !head.startsWith('GET') ? `content-length: ${body.length}\r\n` : '';
    const start = Buffer.from(`${head}\r\nhost: 127.0.0.1\r\n${length}\r\n`, 'latin1');
    this.#socket.write(body.length === 0 ? start : Buffer.concat([start, body]));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  close() {
    this.#socket.destroy();
  }

  #receive(chunk) {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const answer = parseAnswer(this.#held);
    if (answer === undefined || this.#waiting === undefined) return;
    this.#held = this.#held.subarray(answer.end);
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    resolve(answer);
  }

  #fail(error) {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

/** The first answer in `bytes`, or undefined when it is not whole. */
function parseAnswer(bytes) {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = bytes.latin1Slice(0, headEnd);
  const status = Number(head.slice(9, 12));
  const bodyStart = headEnd + 4;
  if (status === 204 || status === 304) return { status, head, body: nothing, end: bodyStart };
  const length = /content-length: (\d+)/i.exec(head);
  if (length !== null) {
    const end = bodyStart + Number(length[1]);
    return bytes.length < end ? undefined : { status, head, body: bytes.subarray(bodyStart, end), end };
  }
  return parseChunks(bytes, { status, head, bodyStart });
}

function parseChunks(bytes, { status, head, bodyStart }) {
  const parts = [];
  let at = bodyStart;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.latin1Slice(at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { status, head, body: Buffer.concat(parts), end: next };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
