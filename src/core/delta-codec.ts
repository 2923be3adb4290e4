/**
 * StateDelta <-> bytes, as the ledger keeps it. Exact both ways: same rows in the same order, same values.
 *
 * Format 1 (varints as in varint.ts):
 *   byte 1            the format
 *   varint            number of grains; for each:
 *     varint          rows, then number of keys, then number of measures
 *     a key column    byte 0: its ids as varints
 *                     byte 1: signed differences to the id before (the first to 0); what is shorter for the first 512 is written
 *     a measure       byte 0: signed varints (of up to 128 bits)
 *                     byte 1, varint j: the same values as measure j of this grain (`weight: amount` makes equal columns)
 *   4 bytes           CRC-32 of all before, little endian
 * What is not read to its last byte, names ids beyond 32 bits or sums beyond 128, or fails the sum of its bytes is INTERNAL.
 *
 * Cost: O(rows * columns), a few nanoseconds a value; BigInt only beyond 2^48. Some 8 bytes a row of two keys and three
 * measures.
 */
import { crc32 } from './crc32.ts';
import type { GrainDelta } from './delta.ts';
import type { StateDelta } from './detector.ts';
import { Integers } from './integers.ts';
import { VarintReader, VarintWriter } from './varint.ts';

const FORMAT = 1;
const PLAIN = 0;
const DIFFERENCES = 1;
const SAME = 1;
const SAMPLE = 512;

/** Used again: one that grows with each chunk, in steps, takes several times the bytes that come out. */
const writer = new VarintWriter();

export function encodeDelta(delta: StateDelta): Uint8Array {
  try {
    return encodeInto(writer, delta).slice();
  } finally {
    writer.clear();
  }
}

/** Until `out` is cleared. */
function encodeInto(out: VarintWriter, delta: StateDelta): Uint8Array {
  out.byte(FORMAT);
  out.unsigned(delta.grains.length);
  for (const grain of delta.grains) writeGrain(out, grain);
  const bytes = out.view();
  out.uint32(crc32(bytes, 0, bytes.length));
  return out.view();
}

export function decodeDelta(bytes: Uint8Array): StateDelta {
  const end = bytes.length - 4;
  const reader = new VarintReader(bytes, 0, Math.max(0, end), 'a delta of the ledger');
  if (end < 2) reader.fail('ends early');
  if (bytes[0] !== FORMAT) reader.fail(`has the unknown format ${bytes[0]}`);
  if (crc32(bytes, 0, end) !== new DataView(bytes.buffer, bytes.byteOffset).getUint32(end, true))
    reader.fail('does not match its checksum');
  reader.byte();
  const grains: GrainDelta[] = [];
  for (let left = reader.unsigned(); left > 0; left--) grains.push(readGrain(reader));
  if (reader.left !== 0) reader.fail('is followed by other bytes');
  return { grains };
}

function writeGrain(out: VarintWriter, { size, keys, additive }: GrainDelta): void {
  out.unsigned(size);
  out.unsigned(keys.length);
  out.unsigned(additive.length);
  for (const column of keys) writeKeys(out, column, size);
  additive.forEach((column, m) => {
    const twin = additive.findIndex((other, j) => j < m && isSame(other, column, size));
    if (twin < 0) writeSums(out, column, size);
    else {
      out.byte(SAME);
      out.unsigned(twin);
    }
  });
}

function readGrain(reader: VarintReader): GrainDelta {
  const size = reader.unsigned();
  const keyCount = reader.unsigned();
  const measures = reader.unsigned();
  // Each column takes a byte, each id one; so a wrong length is found before anything is made for it.
  if (keyCount + measures > reader.left || size * keyCount > reader.left || (keyCount === 0 && size > 1))
    reader.fail('is shorter than it says');
  const keys: Uint32Array[] = [];
  for (let k = 0; k < keyCount; k++) keys.push(readKeys(reader, size));
  const additive: Integers[] = [];
  for (let m = 0; m < measures; m++) additive.push(readMeasure(reader, size, additive));
  return { size, keys, additive };
}

function writeKeys(out: VarintWriter, column: Uint32Array, size: number): void {
  if (plainBytes(column, size) <= differenceBytes(column, size)) {
    out.byte(PLAIN);
    out.unsignedAll(column, size);
    return;
  }
  out.byte(DIFFERENCES);
  out.differences(column, size);
}

function readKeys(reader: VarintReader, size: number): Uint32Array {
  const mode = reader.byte();
  const column = new Uint32Array(size);
  if (mode === PLAIN) for (let i = 0; i < size; i++) column[i] = reader.uint32();
  else if (mode === DIFFERENCES) readDifferences(reader, column);
  else reader.fail(`has keys of the unknown kind ${mode}`);
  return column;
}

function readDifferences(reader: VarintReader, column: Uint32Array): void {
  let id = 0;
  for (let i = 0; i < column.length; i++) {
    id += Number(reader.signed());
    if (!(id >= 0 && id <= 0xffffffff)) reader.fail('has an id that is too large');
    column[i] = id;
  }
}

function writeSums(out: VarintWriter, column: Integers, size: number): void {
  out.byte(PLAIN);
  const { narrow } = column;
  if (narrow !== null) out.signedAll(narrow, size);
  else for (let i = 0; i < size; i++) out.bigSigned(column.big(i));
}

function readMeasure(reader: VarintReader, size: number, earlier: readonly Integers[]): Integers {
  const mode = reader.byte();
  if (mode === PLAIN) return readSums(reader, size);
  const twin = mode === SAME ? earlier[reader.unsigned()] : undefined;
  return twin ?? reader.fail('has a measure of an unknown kind');
}

function readSums(reader: VarintReader, size: number): Integers {
  if (size > reader.left) reader.fail('is shorter than it says');
  const column = new Integers(size);
  column.resize(size);
  for (let i = 0; i < size; i++) column.set(i, reader.signed());
  return column;
}

function isSame(a: Integers, b: Integers, size: number): boolean {
  if (a === b) return true;
  if (a.narrow === null || b.narrow === null) return a.isWide && b.isWide && isSameBig(a, b, size);
  for (let i = 0; i < size; i++) if (a.narrow[i] !== b.narrow[i]) return false;
  return true;
}

function isSameBig(a: Integers, b: Integers, size: number): boolean {
  for (let i = 0; i < size; i++) if (a.big(i) !== b.big(i)) return false;
  return true;
}

/** Of the first ids: enough to choose by. */
function plainBytes(column: Uint32Array, size: number): number {
  let sum = 0;
  for (let i = 0; i < Math.min(SAMPLE, size); i++) sum += bytesOf(column[i] as number);
  return sum;
}

function differenceBytes(column: Uint32Array, size: number): number {
  let sum = 0;
  let before = 0;
  for (let i = 0; i < Math.min(SAMPLE, size); i++) {
    const id = column[i] as number;
    sum += bytesOf(2 * Math.abs(id - before));
    before = id;
  }
  return sum;
}

function bytesOf(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}
