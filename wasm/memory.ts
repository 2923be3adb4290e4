/**
 * Allocation: blocks whose size is a power of two, cut from the end of the memory; a block that is given back is used again
 * for one of its size. So a table that grows by doubling wastes at most what it holds. Memory that was never touched costs
 * address space only. The end is near 4 GiB: then 0 is answered, and nothing has changed.
 */
const smallestBits: i32 = 6;
/** Nothing is larger than 1 << largestBits. */
const largestBits: i32 = 31;

/** A page less than 4 GiB: every address, and the end of every block, is a word. */
const mostPages: i32 = 65535;

/** Heads of the lists of free blocks, by the size's power of two; a free block starts with the address of the next. */
const free: usize = memory.data(32 << 2, 8);
let end: usize = (__heap_base + 63) & ~63;

function bitsOf(bytes: usize): i32 {
  const bits: i32 = bytes <= 1 ? 0 : 32 - i32(clz(u32(bytes - 1)));
  return max(bits, smallestBits);
}

/** Grows the memory to `wanted` bytes at least. By a quarter at once: every growth costs the caller a new view, and more. */
function reach(wanted: u64): bool {
  // The last page stays free, so that a read a little beyond a block is a read of memory.
  const pages = i32(((wanted + 0xffff) >> 16) + 1);
  const have = memory.size();
  if (pages <= have) return true;
  if (pages > mostPages) return false;
  return memory.grow(min(max(pages - have, have >> 2), mostPages - have)) >= 0 || memory.grow(pages - have) >= 0;
}

/** The address of a block of at least `bytes` bytes, 64-byte aligned, of any content; 0 if there is no room, or nothing is asked for. */
export function allocate(bytes: usize): usize {
  if (bytes === 0 || bytes > (<usize>1) << usize(largestBits)) return 0;
  const bits = bitsOf(bytes);
  const list = free + (usize(bits) << 2);
  const block = load<usize>(list);
  if (block !== 0) {
    store<usize>(list, load<usize>(block));
    return block;
  }
  const size: u64 = 1 << u64(bits);
  const wanted: u64 = u64(end) + size;
  if (!reach(wanted)) return 0;
  const at = end;
  end = usize(wanted);
  return at;
}

/** How large the block is that `allocate(bytes)` gives. */
export function blockBytes(bytes: usize): usize {
  return (<usize>1) << usize(bitsOf(bytes));
}

/** Gives back a block of `allocate(bytes)`; 0 is no block. */
export function release(block: usize, bytes: usize): void {
  if (block === 0) return;
  const list = free + (usize(bitsOf(bytes)) << 2);
  store<usize>(block, load<usize>(list));
  store<usize>(list, block);
}

/** A block twice as large with the first `used` bytes of the old one, which is given back; 0 if there is no room. */
export function grown(block: usize, bytes: usize, used: usize): usize {
  // Twice the largest is 0, for which there is no block.
  const larger = allocate(bytes << 1);
  if (larger === 0) return 0;
  memory.copy(larger, block, used);
  release(block, bytes);
  return larger;
}
