/**
 * The console: three static files that lie beside the code, read once. The page polls `/v1/status` and shows it; it has
 * no rights of its own, and its policy lets it load and call nothing but this server.
 */
import { readFileSync } from 'node:fs';
import type { Exchange } from './exchange.ts';

const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const files: Readonly<Record<string, readonly [name: string, contentType: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/console.css': ['console.css', 'text/css; charset=utf-8'],
  '/console.js': ['console.js', 'text/javascript; charset=utf-8'],
};

const read = new Map<string, Uint8Array>();

/** `GET /`, `/console.css`, `/console.js` */
export function showConsole(exchange: Exchange): undefined {
  const [name, contentType] = files[exchange.path];
  let bytes = read.get(name);
  if (bytes === undefined) {
    bytes = readFileSync(new URL(`../../console/${name}`, import.meta.url));
    read.set(name, bytes);
  }
  exchange.answer(
    200,
    ['Content-Type', contentType, 'Content-Security-Policy', policy, 'X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-cache'],
    bytes,
  );
}
