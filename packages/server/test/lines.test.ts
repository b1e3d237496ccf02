import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter, tooLong } from '../src/http/lines.ts';

/** The dumb twin: all bytes at once. */
function twin(text: string, bytesMax: number): (string | symbol)[] {
  return text
    .split('\n')
    .map((line) => (line.length > bytesMax ? tooLong : line.replace(/\r$/, '')))
    .filter((line) => line !== '');
}

test('lines do not depend on how they were cut into chunks', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\n', '\r'), maxLength: 60 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), fc.integer({ min: 1, max: 8 }), (whole, cuts, bytesMax) => {
      const splitter = new LineSplitter(bytesMax);
      const bounds = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length];
      const lines: (string | symbol)[] = [];
      for (let i = 1; i < bounds.length; i++) {
        for (const line of splitter.push(Buffer.from(whole.slice(bounds[i - 1], bounds[i]))))
          lines.push(typeof line === 'symbol' ? line : Buffer.from(line).toString());
      }
      for (const line of splitter.end()) lines.push(typeof line === 'symbol' ? line : Buffer.from(line).toString());
      expect(lines).toEqual(twin(whole, bytesMax));
    }),
  );
});
