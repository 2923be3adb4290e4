/** CRC-32 (IEEE 802.3, reflected polynomial edb88320), as in zip and PNG. O(n). */
import { crc32 as crcOf } from 'node:zlib';

export function crc32(bytes: Uint8Array, start: number, end: number): number {
  return crcOf(bytes.subarray(start, end));
}
