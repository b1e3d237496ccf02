import { readFileSync } from 'node:fs';
import { crc32 } from '@coterie/bytes';
import { CoterieError, isCoterieError } from '@coterie/env';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unpackBody } from '../src/body.ts';
import { FrameParser } from '../src/frame-parser.ts';
import { frameType, headerBytes, preamble } from '../src/frame.ts';
import type { Frame, FrameType } from '../src/frame.ts';
import { helloToBody } from '../src/handshake.ts';
import { packFrame } from '../src/outgoing-frame.ts';
import type { OutgoingFrame } from '../src/outgoing-frame.ts';
import { errorToBody } from '../src/wire-error.ts';

const frameBytesMax = 2 ** 20;

function packed(frame: OutgoingFrame): Buffer {
  return Buffer.concat(packFrame(frame, frameBytesMax).pieces);
}

/** All frames of a stream that comes in these pieces. */
function parse(pieces: readonly Uint8Array[], max = frameBytesMax): Frame[] {
  const parser = new FrameParser(max);
  const frames: Frame[] = [];
  for (const piece of pieces) {
    parser.feed(piece);
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) frames.push(frame);
  }
  return frames;
}

function readable({ type, id, bytes, bodyStart, bodyEnd, values }: Frame): OutgoingFrame {
  return { type, id, body: unpackBody(bytes, bodyStart, bodyEnd), values: values.map((value) => Uint8Array.from(value)) };
}

/** Cuts a stream at these places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, i) => bytes.slice(from, sorted[i] ?? bytes.length));
}

/** The blocks of bytes that the format's page shows. */
function documented(): string[] {
  const page = readFileSync(new URL('../../../docs/formats/rpc.md', import.meta.url), 'utf8');
  return page
    .split('```')
    .filter((_, i) => i % 2 === 1)
    .filter((block) => /^\n0000 {2}/.test(block))
    .map((block) => block.replaceAll(/^[0-9a-f]{4} {2}/gm, '').replaceAll(/\s+/g, ''));
}

const hello = { versions: [1, 1] as const, clusterId: 'c', id: 'n1', incarnation: 'i1', address: 'a:1', capabilities: [] };
const example: readonly OutgoingFrame[] = [
  { type: frameType.hello, id: 0, body: helloToBody(hello), values: [] },
  { type: frameType.request, id: 7, body: ['put', 3, 500, ['cart', null]], values: [new TextEncoder().encode('milk')] },
  { type: frameType.answer, id: 7, body: [true], values: [] },
  { type: frameType.failure, id: 7, body: errorToBody(new CoterieError('STALE_RING', 'old', { details: { epoch: 4 } })), values: [] },
];

describe('the worked example of the format', () => {
  test('is what is written', () => {
    const [first, ...others] = example.map((frame) => packed(frame).toString('hex'));
    expect([Buffer.from(preamble).toString('hex') + first, ...others]).toEqual(documented());
  });

  test('is read back', () => {
    const stream = Buffer.from(documented().join(''), 'hex');
    expect(parse([stream]).map(readable)).toEqual(example);
  });
});

const frames: fc.Arbitrary<OutgoingFrame> = fc.record({
  type: fc.constantFrom<FrameType>(...Object.values(frameType)),
  id: fc.nat({ max: 2 ** 32 - 1 }),
  body: fc.array(fc.oneof(fc.string(), fc.integer(), fc.double({ noNaN: true }).map(positiveZero), fc.boolean(), fc.constant(null))),
  values: fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 8 }),
});

describe('a parser', () => {
  test('finds the frames however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (sent, places) => {
        const stream = Buffer.concat([preamble, ...sent.map(packed)]);
        expect(parse(cut(stream, places)).map(readable)).toEqual(sent);
      }),
      { numRuns: 300 },
    );
  });

  test('finds them byte by byte, and keeps nothing behind', () => {
    const stream = Buffer.concat([preamble, ...example.map(packed)]);
    const parser = new FrameParser(frameBytesMax);
    const found: OutgoingFrame[] = [];
    for (const byte of stream) {
      parser.feed(Uint8Array.of(byte));
      const frame = parser.next();
      if (frame !== undefined) found.push(readable(frame));
    }
    expect(found).toEqual(example);
    expect(parser.bufferedBytes).toBe(0);
    expect(parser.next()).toBeUndefined();
  });

  test('answers any change of any bit with PROTOCOL, or waits for more', () => {
    const stream = Buffer.concat([preamble, packed(example[1])]);
    for (let bit = 0; bit < stream.length * 8; bit++) {
      const spoilt = Uint8Array.from(stream);
      spoilt[bit >> 3] ^= 1 << (bit & 7);
      const outcome = attempt(() => parse([spoilt]));
      // A length that grew within what is allowed waits for bytes that never come; its checksum would fail then.
      const isLength = bit >> 3 >= preamble.length && bit >> 3 < preamble.length + 4;
      if (isLength) expect(['PROTOCOL', 0]).toContain(outcome);
      else expect(outcome).toBe('PROTOCOL');
      if (isLength && outcome === 0) expect(attempt(() => parse([spoilt, new Uint8Array(frameBytesMax)]))).toBe('PROTOCOL');
    }
  });

  test('waits for the rest of a truncated stream, at every length', () => {
    const stream = Buffer.concat([preamble, packed(example[1]), packed(example[2])]);
    const second = preamble.length + packed(example[1]).length;
    for (let length = 0; length < stream.length; length++)
      expect(attempt(() => parse([stream.subarray(0, length)]))).toBe(length < second ? 0 : 1);
  });

  test('meets garbage with PROTOCOL at once or with patience, never with anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (garbage, withPreamble) => {
        const outcome = attempt(() => parse(withPreamble ? [preamble, garbage] : [garbage]));
        expect(['PROTOCOL', 0]).toContain(outcome);
      }),
      { numRuns: 2000 },
    );
    expect(attempt(() => parse([new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')]))).toBe('PROTOCOL');
  });

  test('refuses a frame that is too long by its header alone, and allows one of just that length', () => {
    const value = new Uint8Array(1000);
    const frame = packed({ type: frameType.request, id: 1, body: null, values: [value] });
    expect(attempt(() => parse([preamble, frame], frame.length))).toBe(1);
    expect(attempt(() => parse([preamble, frame.subarray(0, headerBytes)], frame.length - 1))).toBe('PROTOCOL');
  });

  test('refuses values that are longer than their frame, with a good checksum too', () => {
    const frame = packed({ type: frameType.request, id: 1, body: null, values: [new Uint8Array(5)] });
    for (const lie of [7, 255]) {
      const body = packed({ type: frameType.request, id: 1, body: null, values: [new Uint8Array(lie)] }).subarray(0, frame.length);
      const honest = Buffer.from(frame);
      body.copy(honest, headerBytes, headerBytes, headerBytes + 4);
      expect(attempt(() => parse([preamble, resealed(honest)]))).toBe('PROTOCOL');
    }
  });

  test('knows no type and no flag but its own', () => {
    for (const [at, value] of [
      [4, 0],
      [4, 11],
      [4, 255],
      [5, 1],
    ]) {
      const frame = packed(example[2]);
      frame[at] = value;
      expect(attempt(() => parse([preamble, resealed(frame)]))).toBe('PROTOCOL');
    }
  });
});

describe('packing', () => {
  test('copies short values into one piece and leaves long ones alone', () => {
    const long = new Uint8Array(5000).fill(3);
    const one = packFrame({ type: frameType.answer, id: 1, body: [1], values: [new Uint8Array(100), new Uint8Array(0)] }, frameBytesMax);
    expect(one.pieces).toHaveLength(1);
    const two = packFrame(
      { type: frameType.answer, id: 1, body: [1], values: [long, new Uint8Array(0), new Uint8Array(1)] },
      frameBytesMax,
    );
    expect(two.pieces[1]).toBe(long);
    expect(two.bytes).toBe(two.pieces.reduce((sum, { length }) => sum + length, 0));
    expect(parse([preamble, ...two.pieces]).map(({ values }) => values.map(({ length }) => length))).toEqual([[5000, 0, 1]]);
  });

  test('takes as many values as the header can count, and no frame longer than allowed', () => {
    const values = Array.from({ length: 1024 }, (_, i) => Uint8Array.of(i & 0xff));
    const frame: OutgoingFrame = { type: frameType.answer, id: 1, body: ['x'], values };
    expect(parse([preamble, packed(frame)]).map(readable)).toEqual([frame]);
    expect(() => packed({ ...frame, values: [...values, Uint8Array.of(1)] })).toThrow('1024 values at most');
    expect(() => packFrame({ ...frame, values: [new Uint8Array(1000)] }, 1000)).toThrow('1000 are the most');
  });
});

/** The library writes -0 as 0. */
function positiveZero(number: number): number {
  return number === 0 ? 0 : number;
}

/** How many frames there are, or the code of the error. */
function attempt(work: () => Frame[]): number | string {
  try {
    return work().length;
  } catch (error) {
    return isCoterieError(error) ? error.code : String(error);
  }
}

/** Makes the checksum fit again. */
function resealed(frame: Buffer): Buffer {
  const rest = Buffer.concat([frame.subarray(0, 12), frame.subarray(headerBytes)]);
  frame.writeUInt32LE(crc32(rest), 12);
  return frame;
}
