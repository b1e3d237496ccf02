/**
 * Requests that are read without node:http: whole, short and with nothing unusual in them, as nearly all are. What is taken
 * here is a subset of RFC 9112 on which no two parsers differ; whatever is not in it, right or wrong, is for node:http to
 * judge (`plain-connection.ts` hands it over).
 *
 * ```
 *  METHOD SP /target SP HTTP/1.1 CRLF          a method of the five below, a target in origin form
 *  name ":" printable ASCII CRLF …             each name once; no Transfer-Encoding, Expect or Upgrade; Connection: keep-alive at most
 *  CRLF
 *  body                                        Content-Length bytes in plain digits, or none
 * ```
 *
 * Reading a put of 100 bytes and answering it takes node:http a third more processor time at an idle door, and far more where its code
 * is cold each time (`docs/decisions/2026-11-28-plain-requests.md`).
 */
import type { Socket } from 'node:net';

/** Longest body that is read here. */
const plainBodyMax = 64 * 1024;

/** A request that arrived whole; of node:http's `IncomingMessage` as much as handlers use. */
export class PlainRequest {
  readonly method: string;
  /** Request target, as it was sent. */
  readonly url: string;
  /** By names in lower case. */
  readonly headers: PlainHeaders;
  readonly httpVersion = '1.1';
  readonly body: Uint8Array;
  readonly socket: Socket;

  constructor(socket: Socket, head: PlainHead, body: Uint8Array) {
    this.socket = socket;
    this.method = head.method;
    this.url = head.url;
    this.headers = head.headers;
    this.body = body;
  }

  destroy(): void {
    this.socket.destroy();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    if (this.body.length > 0) yield this.body;
  }
}

/** Header values by names in lower case. Without a prototype: names are the client's. */
export type PlainHeaders = Readonly<Record<string, string | undefined>>;

/** What stands before a body. */
export interface PlainHead {
  readonly method: string;
  readonly url: string;
  readonly headers: PlainHeaders;
  readonly bodyBytes: number;
}

const requestLine = /^(GET|PUT|DELETE|HEAD|POST) (\/[\x21-\x7e]*) HTTP\/1\.1$/;
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?)[\t ]*$/;

/** The head in `text`, without the empty line at its end; `undefined` when anything about it is unusual. */
export function parsePlainHead(text: string): PlainHead | undefined {
  const lines = text.split('\r\n');
  const first = requestLine.exec(lines[0]);
  if (first === null) return undefined;
  const headers = Object.create(null) as Record<string, string | undefined>;
  for (let i = 1; i < lines.length; i++) {
    const found = headerLine.exec(lines[i]);
    if (found === null) return undefined;
    const name = found[1].toLowerCase();
    if (headers[name] !== undefined) return undefined;
    headers[name] = found[2];
  }
  const bodyBytes = plainLength(headers['content-length']);
  if (bodyBytes === undefined || isUnusual(headers)) return undefined;
  return { method: first[1], url: first[2], headers, bodyBytes };
}

/** Bytes of the body; `undefined` for a length that is not short and plainly written. */
function plainLength(said: string | undefined): number | undefined {
  if (said === undefined) return 0;
  if (!/^\d{1,5}$/.test(said)) return undefined;
  const bytes = Number(said);
  return bytes <= plainBodyMax ? bytes : undefined;
}

function isUnusual(headers: PlainHeaders): boolean {
  if (headers['transfer-encoding'] !== undefined || headers['expect'] !== undefined || headers['upgrade'] !== undefined) return true;
  const connection = headers['connection'];
  return connection !== undefined && connection.toLowerCase() !== 'keep-alive';
}
