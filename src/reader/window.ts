/**
 * A piece of a block that begins with a record and ends with an LF, checked as a whole for UTF-8 and U+0000: an LF is never
 * inside a character, so a clean window is valid record by record.
 */
import { LF } from './bytes.ts';

/** A window that is not clean is tried again in small ones, so that one bad byte makes few rows slow. */
export const largeWindow = 1 << 16;
export const smallWindow = 1 << 12;

/** End of a window of about `size` bytes from `from` on: after its last LF, or else after the next one; -1 if the block has none. */
export function windowEnd(block: Uint8Array, from: number, size: number): number {
  const limit = from + size;
  const last = limit >= block.length ? block.lastIndexOf(LF) : block.lastIndexOf(LF, limit - 1);
  if (last >= from) return last + 1;
  return block.indexOf(LF, limit) + 1 || -1;
}
