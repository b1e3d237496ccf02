/**
 * The footer: where the sections are, and whose table this is.
 *
 * ```
 *  footer := table id 8 │ data bytes u53 │ filter u32 │ index u32 │ range deletes u32 │ properties u32
 *          │ footer bytes u32 │ version u32 │ seal u32 │ magic 8
 *            └──────── these twenty bytes end every version ────┘
 * ```
 *
 * Sections follow the data and each other without gaps; the four lengths count payloads, without seals, and an empty
 * section is not there at all. The seal covers everything before it, with an id of zeros: the footer holds the id. As it
 * lies at the same place in every version, a damaged version number is told from a newer one.
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { corruption, formatVersion, magic, readU32, sealBytes, Sealer, tableIdBytes } from './format.ts';

/** Bytes of a footer of this version. */
export const footerBytes = 52;
/** Longest footer that any version may have; so much of the end of a file has to be read. */
export const footerBytesMax = 4096;

const tailBytes = 20;
const footerSealer = new Sealer(new Uint8Array(tableIdBytes));

/** Lengths of the sections' payloads, in their order. */
export interface SectionLengths {
  readonly filter: number;
  readonly index: number;
  readonly rangeDeletes: number;
  readonly properties: number;
}

/** What a footer says. */
export interface Footer {
  readonly tableId: Uint8Array;
  /** Bytes of all blocks: where the first section begins. */
  readonly dataBytes: number;
  readonly sections: SectionLengths;
}

/** A footer that is to lie at `offset`. */
export function encodeFooter({ tableId, dataBytes, sections }: Footer, offset: number): Uint8Array {
  const writer = new ByteWriter(footerBytes).raw(tableId).u53(dataBytes);
  writer.u32(sections.filter).u32(sections.index).u32(sections.rangeDeletes).u32(sections.properties);
  writer.u32(footerBytes).u32(formatVersion);
  return writer.u32(footerSealer.seal(writer.finish(), offset)).raw(magic).finish();
}

/**
 * Reads the footer in `end`, the last bytes of a file of `fileBytes`.
 * @throws CoterieError `CORRUPTION`, `UNSUPPORTED_FORMAT`
 */
export function decodeFooter(end: Uint8Array, fileBytes: number, file: string): Footer {
  const base = fileBytes - end.length;
  if (end.length < tailBytes) throw corruption(file, 0, `${fileBytes} bytes are too few for a table`);
  const magicAt = end.length - magic.length;
  if (magic.some((byte, i) => end[magicAt + i] !== byte)) throw corruption(file, base + magicAt, 'it does not end like a table');
  const length = readU32(end, end.length - tailBytes);
  if (length < tailBytes || length > end.length) throw corruption(file, fileBytes - tailBytes, `footer of ${length} bytes`);
  const start = end.length - length;
  const sealAt = magicAt - sealBytes;
  if (footerSealer.seal(end.subarray(start, sealAt), base + start) !== readU32(end, sealAt))
    throw corruption(file, base + start, 'footer checksum differs');
  const version = readU32(end, sealAt - 4);
  if (version !== formatVersion) {
    const message = `table ${file} has format version ${version}; this version of Coterie reads ${formatVersion}`;
    throw new CoterieError('UNSUPPORTED_FORMAT', message, { details: { file, version } });
  }
  const footer = length === footerBytes ? readFields(end.subarray(start)) : undefined;
  if (footer === undefined || sectionsEnd(footer) !== base + start) throw corruption(file, base + start, 'footer does not fit the file');
  return footer;
}

function readFields(bytes: Uint8Array): Footer {
  const reader = new ByteReader(bytes);
  const tableId = reader.view(tableIdBytes).slice();
  const dataBytes = reader.u53();
  return {
    tableId,
    dataBytes,
    sections: { filter: reader.u32(), index: reader.u32(), rangeDeletes: reader.u32(), properties: reader.u32() },
  };
}

/** Bytes that a section takes with its seal. */
export function storedSectionBytes(payloadBytes: number): number {
  return payloadBytes === 0 ? 0 : payloadBytes + sealBytes;
}

function sectionsEnd({ dataBytes, sections }: Footer): number {
  const { filter, index, rangeDeletes, properties } = sections;
  return [filter, index, rangeDeletes, properties].reduce((end, length) => end + storedSectionBytes(length), dataBytes);
}
