import { readFileSync } from 'node:fs';
import { isCoterieError } from '@coterie/env';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Envelope, messageBytesMax } from '../src/message.ts';
import { decodeMessage, encodeMessage } from '../src/wire.ts';
import { envelope, record } from './arbitraries.ts';

/** Decodes bytes that nobody may have written. True when they were accepted. */
function isAccepted(bytes: Uint8Array): boolean {
  try {
    decodeMessage(bytes);
    return true;
  } catch (error) {
    if (!isCoterieError(error, 'PROTOCOL')) throw error;
    return false;
  }
}

describe('messages as bytes', () => {
  it('come back as they were, and never are too long', () => {
    fc.assert(
      fc.property(envelope, (message) => {
        const bytes = encodeMessage(message);
        expect(bytes.length).toBeLessThanOrEqual(messageBytesMax);
        expect(decodeMessage(bytes)).toEqual(message);
      }),
    );
  });

  it('are filled with records as long as they fit, not beyond', () => {
    fc.assert(
      fc.property(envelope, fc.array(record, { minLength: 30, maxLength: 60 }), (message, more) => {
        fc.pre('records' in message.message);
        let added = 0;
        const bytes = encodeMessage(message, (add) => {
          while (added < more.length && add(more[added])) added++;
        });
        expect(bytes.length).toBeLessThanOrEqual(messageBytesMax);
        const { message: read } = decodeMessage(bytes);
        const given = 'records' in message.message ? message.message.records : [];
        expect('records' in read ? read.records : undefined).toEqual([...given, ...more.slice(0, added)]);
      }),
    );
  });

  it('that were cut, changed or made up are refused with PROTOCOL, or are messages', () => {
    const damage = fc.array(fc.tuple(fc.nat(messageBytesMax), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(envelope, damage, fc.nat(messageBytesMax), (message, changes, end) => {
        const bytes = encodeMessage(message);
        expect(isAccepted(bytes.slice(0, end % bytes.length))).toBe(false);
        expect(isAccepted(new Uint8Array([...bytes, 0]))).toBe(false);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        if (isAccepted(bytes)) expect(decodeMessage(encodeMessage(decodeMessage(bytes)))).toEqual(decodeMessage(bytes));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        expect(isAccepted(bytes)).toBe(false);
      }),
    );
  });

  it('are refused when they are of another version, and when they are longer than a datagram', () => {
    const gossip: Envelope = { cluster: 'c', sender: 'a'.repeat(16), message: { kind: 'gossip', records: [] } };
    const bytes = encodeMessage(gossip);
    bytes[1] = 2;
    expect(() => decodeMessage(bytes)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL', message: expect.stringContaining('version 2') }),
    );
    expect(() => decodeMessage(new Uint8Array(messageBytesMax + 1))).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});

describe('the worked example of the format', () => {
  const page = readFileSync(new URL('../../../docs/formats/gossip.md', import.meta.url), 'utf8');
  const example = /```\n(c7 01[^`]*)```/.exec(page)?.[1] ?? '';
  const bytes = Uint8Array.from(Buffer.from(example.replaceAll(/ {3,}.*$/gm, '').replaceAll(/\s/g, ''), 'hex'));
  const message: Envelope = {
    cluster: 'c0ffee',
    sender: '9f02c41b6d3e8a75',
    message: {
      kind: 'ping',
      seq: 7,
      target: '1b52a0e4c7d91f38',
      from: {
        standing: { incarnation: 1_700_000_000_000, state: 'alive', witnesses: [] },
        profile: {
          id: '9f02c41b6d3e8a75',
          incarnation: 1_700_000_000_000,
          address: '10.0.0.1:7072',
          zone: 'dc1/r1',
          weight: 2,
          extensions: new Map([['protocol', '1']]),
        },
        heartbeat: 42,
        epoch: 3,
      },
      records: [{ id: '1b52a0e4c7d91f38', standing: { incarnation: 5, state: 'suspect', witnesses: ['9f02c41b6d3e8a75'] } }],
    },
  };

  it('is what is written', () => {
    expect(Buffer.from(encodeMessage(message)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  });

  it('is read as what it says', () => {
    expect(decodeMessage(bytes)).toEqual(message);
  });
});
