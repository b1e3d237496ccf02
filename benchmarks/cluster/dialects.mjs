/**
 * How each subject is asked: a dialect opens lines, and a line carries one operation at a time. Every put resolves when it
 * is acknowledged (to a context, where there is one), every get to the value; a wrong status throws.
 */
import { connect } from '@coterie/client';
import { connect as connectHttp2, constants } from 'node:http2';
import { Wire } from '../http/wire.mjs';
import { keyText } from './records.mjs';

/** Coterie over HTTP, one kept connection a line, lines spread over the nodes. */
class CoterieHttpLine {
  #wire;

  constructor(wire) {
    this.#wire = wire;
  }

  async put(key, value, { bucket, w, context }) {
    const carried = context === undefined ? '' : `\r\ncoterie-context: ${context}`;
    const { status, head, body } = await this.#wire.request(`PUT /v1/kv/${bucket}/${keyText(key)}?w=${w} HTTP/1.1${carried}`, value);
    if (status !== 204) throw new Error(`put: ${status} ${body}`);
    return head;
  }

  async get(key, { bucket, r }) {
    const { status, body } = await this.#wire.request(`GET /v1/kv/${bucket}/${keyText(key)}?r=${r} HTTP/1.1`);
    if (status !== 200) throw new Error(`get: ${status} ${body}`);
    return body;
  }

  contextOf(head) {
    return /coterie-context: (\S+)/i.exec(head)[1];
  }

  close() {
    this.#wire.close();
  }
}

/** Coterie through its client: one client, which goes to whom it likes; a line is one operation in flight. */
class CoterieClientLine {
  #database;

  constructor(database) {
    this.#database = database;
  }

  put(key, value, { bucket, w, context }) {
    return this.#database.put(bucket, keyText(key), value, context === undefined ? { w } : { w, context });
  }

  async get(key, { bucket, r }) {
    const found = await this.#database.get(bucket, keyText(key), { r });
    if (found?.siblings.length !== 1) throw new Error(`get: ${found?.siblings.length ?? 'no'} values`);
    return found.siblings[0].value;
  }

  contextOf({ context }) {
    return context;
  }

  close() {
    return this.#database.close();
  }
}

const base64 = (text) => Buffer.from(text, 'latin1').toString('base64');

/** etcd through its own HTTP gateway: JSON with keys and values in Base64. */
class EtcdGatewayLine {
  #wire;

  constructor(wire) {
    this.#wire = wire;
  }

  async put(key, value) {
    const body = `{"key":"${base64(keyText(key))}","value":"${value.toString('base64')}"}`;
    const answer = await this.#wire.request('POST /v3/kv/put HTTP/1.1', Buffer.from(body, 'latin1'));
    if (answer.status !== 200) throw new Error(`put: ${answer.status} ${answer.body}`);
  }

  async get(key, { serializable }) {
    const body = `{"key":"${base64(keyText(key))}"${serializable ? ',"serializable":true' : ''}}`;
    const answer = await this.#wire.request('POST /v3/kv/range HTTP/1.1', Buffer.from(body, 'latin1'));
    if (answer.status !== 200) throw new Error(`get: ${answer.status} ${answer.body}`);
    return Buffer.from(/"value":"([^"]*)"/.exec(answer.body.latin1Slice())[1], 'base64');
  }

  close() {
    this.#wire.close();
  }
}

/** A length-delimited field of Protocol Buffers; everything here is shorter than 128 bytes. */
const field = (number, bytes) => Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes]);

/** etcd's native protocol, gRPC: a message behind its length, on a stream of HTTP/2. One session carries all lines. */
class EtcdGrpcLine {
  #session;

  constructor(session) {
    this.#session = session;
  }

  async put(key, value) {
    await this.#call('Put', Buffer.concat([field(1, Buffer.from(keyText(key))), field(2, value)]));
  }

  async get(key, { serializable }) {
    const range = [field(1, Buffer.from(keyText(key)))];
    if (serializable) range.push(Buffer.of(7 << 3, 1));
    const answer = await this.#call('Range', Buffer.concat(range));
    return valueInRange(answer);
  }

  close() {
    this.#session.close();
  }

  #call(method, message) {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: `/etcdserverpb.KV/${method}`,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        te: 'trailers',
      });
      const parts = [];
      let status = 'missing';
      stream.on('data', (part) => parts.push(part));
      stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
      stream.on('error', reject);
      stream.on('end', () => (status === '0' ? resolve(Buffer.concat(parts)) : reject(new Error(`${method}: grpc-status ${status}`))));
      const frame = Buffer.alloc(5 + message.length);
      frame.writeUInt32BE(message.length, 1);
      message.copy(frame, 5);
      stream.end(frame);
    });
  }
}

/** The value in a RangeResponse: field 5 of its field 2, a KeyValue. */
function valueInRange(answer) {
  const pair = findField(answer.subarray(5), 2);
  return findField(pair, 5);
}

function findField(bytes, wanted) {
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++];
    let length = 0;
    let byte;
    let shift = 0;
    do {
      byte = bytes[at++];
      length += (byte & 0x7f) * 2 ** shift;
      shift += 7;
    } while (byte >= 0x80);
    if ((tag & 7) !== 2) continue;
    if (tag >> 3 === wanted) return bytes.subarray(at, at + length);
    at += length;
  }
  throw new Error(`no field ${wanted} in an answer`);
}

const perLine = (Line) => (targets, count) =>
  Promise.all(Array.from({ length: count }, async (_, i) => new Line(await Wire.open(targets[i % targets.length]))));

/** Dialect → `open(targets, count)`: that many lines. */
export const dialects = {
  'coterie-http': perLine(CoterieHttpLine),
  'etcd-gateway': perLine(EtcdGatewayLine),
  async 'coterie-client'(targets, count) {
    const database = await connect(targets.map(({ host, port }) => `http://${host}:${port}`));
    return Array.from({ length: count }, () => new CoterieClientLine(database));
  },
  async 'etcd-grpc'([leader], count) {
    const session = connectHttp2(`http://${leader.host}:${leader.port}`);
    session.on('error', () => {});
    return Array.from({ length: count }, () => new EtcdGrpcLine(session));
  },
};
