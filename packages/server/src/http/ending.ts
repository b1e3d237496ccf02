/**
 * The end of an exchange on the wire, whichever way it comes. Node tells it on the response, but not when that response
 * was still waiting behind another of its connection; and on the request, but not once its answer was sent. The
 * connection itself always tells.
 */
import type { IncomingMessage } from 'node:http';
import type { Exchange } from './exchange.ts';

/** Calls `ended` once, when the answer is through or its connection is gone. */
export function whenEnded(exchange: Exchange, ended: () => void): void {
  const { request, response } = exchange;
  once([response, request.socket], ended);
}

/** Calls `ended` once, when the whole request was received or its connection is gone. */
export function whenReceived(request: IncomingMessage, ended: () => void): void {
  request.once('end', ended);
  once([request, request.socket], ended);
}

interface Closing {
  on(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

function once(closing: readonly Closing[], ended: () => void): void {
  const tell = (): void => {
    for (const one of closing) one.off('close', tell);
    ended();
  };
  for (const one of closing) one.on('close', tell);
}
