/**
 * Which `Host` headers are answered. A node on loopback has no password, and any web page that the same person has open
 * may point a name of its own at 127.0.0.1 (DNS rebinding) and then read and write as if it were this site. So a node on
 * loopback answers only to addresses, to `localhost`, and to names it was told. On a public address all names are taken.
 */
import { isIP } from 'node:net';
import { HttpRefusal } from './problem.ts';

/** Decides about `Host` headers. Remembers the last one accepted, which is nearly always the next. */
export class HostRule {
  private readonly names: ReadonlySet<string>;
  private readonly everything: boolean;
  private lastAccepted: string | undefined;

  constructor(options: { readonly loopback: boolean; readonly names: readonly string[] }) {
    this.everything = !options.loopback;
    this.names = new Set(['localhost', ...options.names.map((name) => name.toLowerCase())]);
  }

  /** Whether requests for this `Host` are answered. */
  accepts(host: string): boolean {
    if (this.everything || host === this.lastAccepted) return true;
    const name = host.replace(/:\d{0,5}$/, '').toLowerCase();
    const address = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
    if (isIP(address) === 0 && !this.names.has(name) && !name.endsWith('.localhost')) return false;
    this.lastAccepted = host;
    return true;
  }

  /** What to answer otherwise. */
  refusal(host: string): HttpRefusal {
    const shown = JSON.stringify(host.slice(0, 100));
    return new HttpRefusal(
      'UNAUTHORIZED',
      `this node listens on loopback and does not answer to the name ${shown}; --allowed-host adds one`,
      { status: 421 },
    );
  }
}
