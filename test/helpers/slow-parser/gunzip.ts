import { inflateRawSync } from 'node:zlib';

/** RFC 1952, member by member; null if anything is wrong with it, or follows it. */
export function slowGunzip(packed: Buffer): Buffer | null {
  const out: Buffer[] = [];
  let at = 0;
  do {
    const flags = packed[at + 3];
    if (packed.length < at + 10 || packed[at] !== 0x1f || packed[at + 1] !== 0x8b || packed[at + 2] !== 8) return null;
    if (flags === undefined || flags > 0x1f) return null;
    let p = at + 10;
    if (flags & 4) p += 2 + (packed[p] ?? 0) + 256 * (packed[p + 1] ?? 0);
    for (const flag of [8, 16]) {
      if (!(flags & flag)) continue;
      const zero = packed.indexOf(0, p);
      if (zero < 0) return null;
      p = zero + 1;
    }
    if (flags & 2) {
      if ((crc32(packed.subarray(at, p)) & 0xffff) !== (packed[p] ?? 0) + 256 * (packed[p + 1] ?? 0)) return null;
      p += 2;
    }
    if (p >= packed.length) return null;
    let member: { buffer: Buffer; engine: { bytesWritten: number } };
    try {
      member = inflateRawSync(packed.subarray(p), { info: true }) as unknown as typeof member;
    } catch {
      return null;
    }
    p += member.engine.bytesWritten;
    if (p + 8 > packed.length) return null;
    if (packed.readUInt32LE(p) !== crc32(member.buffer)) return null;
    if (packed.readUInt32LE(p + 4) !== member.buffer.length % 2 ** 32) return null;
    out.push(member.buffer);
    at = p + 8;
  } while (at < packed.length);
  return Buffer.concat(out);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
