/**
 * A running hash of everything that happens: two runs of one seed must end with the same hash, or something in them
 * depends on more than the seed. 64 bits in two lanes; not for adversaries.
 */
import { crc32 } from '@coterie/bytes';

/** A hash that grows. */
export class Trace {
  #low = 0x243f6a88;
  #high = 0x85a308d3;

  add(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x9e3779b1);
    this.#low ^= this.#low >>> 15;
    this.#high = Math.imul(this.#high ^ this.#low ^ Math.floor(value / 2 ** 32), 0x85ebca77);
    this.#high ^= this.#high >>> 13;
  }

  addText(text: string): void {
    this.add(text.length);
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i));
  }

  addBytes(bytes: Uint8Array): void {
    this.add(crc32(bytes));
  }

  /** The hash so far, 16 hexadecimal digits. */
  get digest(): string {
    return [this.#high, this.#low].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
