/**
 * Integers in as few bytes as they need: LEB128 (seven bits a byte, the low ones first, the top bit says that more follow),
 * signed ones as zigzag (0, -1, 1, -2, ... as 0, 1, 2, 3, ...).
 */
import { TallyhoError } from './error.ts';

const firstBytes = 4096;
/** More than the delta of a usual chunk; what one large chunk needed is not kept for all others. */
const mostKept = 1 << 20;

/** A growing byte buffer. */
export class VarintWriter {
  private bytes = new Uint8Array(firstBytes);
  private length = 0;

  /** Empty again; what is written next overwrites what `view` gave. */
  clear(): void {
    if (this.bytes.length > mostKept) this.bytes = new Uint8Array(firstBytes);
    this.length = 0;
  }

  byte(value: number): void {
    this.room(1);
    this.bytes[this.length++] = value;
  }

  /** 0 <= value <= 2^53 - 1. */
  unsigned(value: number): void {
    this.room(8);
    const { bytes } = this;
    let at = this.length;
    let rest = value;
    while (rest >= 2 ** 28) {
      bytes[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.length = at;
  }

  /** |value| <= 2^53 - 1: zigzag may need 54 bits, so the lowest seven are taken off before doubling. */
  signed(value: number): void {
    if (value >= 0 ? value < 2 ** 52 : value >= -(2 ** 52)) {
      this.unsigned(value >= 0 ? value * 2 : -value * 2 - 1);
      return;
    }
    this.bigUnsigned(zigzag(BigInt(value)));
  }

  /** The first `count` values of a column as `unsigned` would write them, one by one, in one loop. */
  unsignedAll(values: Uint32Array, count: number): void {
    this.room(5 * count);
    this.length = writeIds(this.bytes, this.length, values, count);
  }

  /** As `signed`, each to the value before; the first to 0. */
  differences(values: Uint32Array, count: number): void {
    this.room(5 * count);
    this.length = writeDifferences(this.bytes, this.length, values, count);
  }

  /** As `signed`: safe integers. */
  signedAll(values: Float64Array, count: number): void {
    for (let i = 0; i < count; ) {
      this.room(5 * (count - i));
      // Where it stops is a value that takes more than 5 bytes.
      const written = writeSmall(this.bytes, this.length, values, i, count);
      i += written.values;
      this.length += written.bytes;
      if (i < count) this.signed(values[i++] as number);
    }
  }

  bigSigned(value: bigint): void {
    this.bigUnsigned(zigzag(value));
  }

  private bigUnsigned(value: bigint): void {
    let rest = value;
    while (rest > 127n) {
      this.byte(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  /** Four bytes, little endian. */
  uint32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.byte((value >>> shift) & 255);
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  private room(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.length + more, this.bytes.length * 2));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

/** Reads bytes[at .. end). What runs over the end or is too large throws INTERNAL, named by `what`. */
export class VarintReader {
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private readonly what: string;
  private at: number;

  constructor(bytes: Uint8Array, at: number, end: number, what: string) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.what = what;
  }

  get left(): number {
    return this.end - this.at;
  }

  byte(): number {
    if (this.at >= this.end) this.fail('ends early');
    return this.bytes[this.at++] as number;
  }

  /** At most 2^53 - 1. */
  unsigned(): number {
    let byte = this.byte();
    if (byte < 128) return byte;
    let value = byte & 127;
    let factor = 128;
    do {
      byte = this.byte();
      value += (byte & 127) * factor;
      factor *= 128;
      if (value > Number.MAX_SAFE_INTEGER || factor > 2 ** 63) this.fail('has a number that is too large');
    } while (byte >= 128);
    return value;
  }

  uint32(): number {
    const value = this.unsigned();
    if (value > 0xffffffff) this.fail('has an id that is too large');
    return value;
  }

  /** A number while it is safe. */
  signed(): number | bigint {
    const start = this.at;
    let bytes = 1;
    while (this.byte() >= 128) bytes++;
    this.at = start;
    if (bytes <= 7) {
      const coded = this.unsigned();
      return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
    }
    return this.bigSigned();
  }

  /** At most 128 bits. */
  bigSigned(): bigint {
    let value = 0n;
    let shift = 0n;
    let byte: number;
    do {
      byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      shift += 7n;
      if (shift > 133n) this.fail('has a sum of more than 128 bits');
    } while (byte >= 128);
    if (value >> 128n !== 0n) this.fail('has a sum of more than 128 bits');
    return (value & 1n) === 0n ? value >> 1n : -((value + 1n) >> 1n);
  }

  fail(fault: string): never {
    throw new TallyhoError('INTERNAL', `${this.what} ${fault}`, {
      mend: 'The bytes were changed after they were written, or this is a bug.',
    });
  }
}

// These loops repeat what `unsigned` does: with one function for a value they took a seventh more in a process that is still
// cold; with one that also takes what is beyond 32 bits, a third more in a warm one.
function writeIds(bytes: Uint8Array, start: number, values: Uint32Array, count: number): number {
  let at = start;
  for (let i = 0; i < count; i++) {
    let rest = values[i] as number;
    while (rest >= 128) {
      bytes[at++] = rest | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
  }
  return at;
}

function writeDifferences(bytes: Uint8Array, start: number, values: Uint32Array, count: number): number {
  let at = start;
  let before = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    const difference = value - before;
    before = value;
    let rest = difference >= 0 ? difference * 2 : -difference * 2 - 1;
    // Twice a difference of 32 bits is 33 bits long.
    if (rest > 0x7fffffff) {
      bytes[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
  }
  return at;
}

/** Stops before a value of magnitude above 2^30. */
function writeSmall(
  bytes: Uint8Array,
  start: number,
  values: Float64Array,
  from: number,
  count: number,
): { readonly values: number; readonly bytes: number } {
  let at = start;
  let i = from;
  for (; i < count; i++) {
    const value = values[i] as number;
    if (value > 0x3fffffff || value < -0x3fffffff) break;
    const small = value | 0;
    let rest = small >= 0 ? small << 1 : (-small << 1) - 1;
    while (rest >= 128) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
  }
  return { values: i - from, bytes: at - start };
}

function zigzag(value: bigint): bigint {
  return value >= 0n ? value << 1n : (-value << 1n) - 1n;
}
