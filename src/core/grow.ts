/**
 * Typed arrays that grow.
 *
 * Small ones double into a new array, so that n pushes copy O(n) values; from 512 KiB on they grow by a half, or `tight` by an eighth:
 * room that is never used counts too where there are many. Copying a large one would be a pause that grows
 * with history (80 MB at 10 million entities): from `growth.inPlaceFrom` bytes on an array lies in a WebAssembly.Memory of its
 * own, which reserves addresses and grows where it is, in some microseconds, with pages that are zero and cost nothing until
 * they are written. (A resizable ArrayBuffer does the same, but V8 reads what lies on one more slowly.) The old array is
 * detached then: whoever grows an array holds the only reference to it that lives on. Without room for addresses, or beyond
 * 4 GiB, it is copied after all.
 */
const PAGE = 65_536;
const LARGEST_MEMORY = 65_536 * PAGE;

/** As the WebAssembly JavaScript Interface has it; TypeScript describes it for browsers only. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: new (size: { initial: number }) => Memory } };

/** Mutable for tests alone. */
export const growth = { inPlaceFrom: 1 << 22 };

const memories = new WeakMap<ArrayBuffer, Memory>();

/** At least `capacity` long; those beyond the old length are 0. `tight`: by an eighth however small, where there are many arrays. */
export function growFloat64(array: Float64Array<ArrayBuffer>, capacity: number, tight = false): Float64Array<ArrayBuffer> {
  return capacity <= array.length ? array : new Float64Array(grownBuffer(array, 8 * capacity, tight));
}

export function growUint32(array: Uint32Array<ArrayBuffer>, capacity: number, tight = false): Uint32Array<ArrayBuffer> {
  return capacity <= array.length ? array : new Uint32Array(grownBuffer(array, 4 * capacity, tight));
}

export function growUint8(array: Uint8Array<ArrayBuffer>, capacity: number): Uint8Array<ArrayBuffer> {
  return capacity <= array.length ? array : new Uint8Array(grownBuffer(array, capacity, false));
}

export function growBigInt64(array: BigInt64Array<ArrayBuffer>, capacity: number): BigInt64Array<ArrayBuffer> {
  return capacity <= array.length ? array : new BigInt64Array(grownBuffer(array, 8 * capacity, false));
}

export function growBigUint64(array: BigUint64Array<ArrayBuffer>, capacity: number): BigUint64Array<ArrayBuffer> {
  return capacity <= array.length ? array : new BigUint64Array(grownBuffer(array, 8 * capacity, false));
}

/** `length` long, or as long as it is: for what is known to come, without room for more. */
export function exactFloat64(array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  return length <= array.length ? array : new Float64Array(exactBuffer(array, 8 * length));
}

export function exactUint32(array: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  return length <= array.length ? array : new Uint32Array(exactBuffer(array, 4 * length));
}

export function exactUint8(array: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  return length <= array.length ? array : new Uint8Array(exactBuffer(array, length));
}

/** Room for at least `capacity` values; the old ones are not kept (scratch). */
export function roomFloat64(array: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  return capacity <= array.length ? array : new Float64Array(Math.max(capacity, array.length * 2));
}

export function roomUint32(array: Uint32Array<ArrayBuffer>, capacity: number): Uint32Array<ArrayBuffer> {
  return capacity <= array.length ? array : new Uint32Array(Math.max(capacity, array.length * 2));
}

export function roomUint8(array: Uint8Array<ArrayBuffer>, capacity: number): Uint8Array<ArrayBuffer> {
  return capacity <= array.length ? array : new Uint8Array(Math.max(capacity, array.length * 2));
}

/** 0, 1, ... count - 1. */
export function firstIds(count: number): Uint32Array<ArrayBuffer> {
  const ids = new Uint32Array(count);
  for (let i = 0; i < count; i++) ids[i] = i;
  return ids;
}

/** A list of ids that is cleared and filled again. Only the first `length` of `ids` are meaningful. */
export class IdList {
  ids = new Uint32Array(64);
  length = 0;

  push(id: number): void {
    if (this.length === this.ids.length) this.reserve(this.length + 1);
    this.ids[this.length++] = id;
  }

  reserve(capacity: number): void {
    if (capacity > this.ids.length) {
      const grown = new Uint32Array(Math.max(capacity, this.ids.length * 2));
      grown.set(this.ids.subarray(0, this.length));
      this.ids = grown;
    }
  }

  clear(): void {
    this.length = 0;
  }

  /** Leaves the ids for which it holds. A call an id: where nothing is asked but a number, a loop of its own is cheaper. */
  keep(holds: (id: number) => boolean): void {
    let kept = 0;
    for (let i = 0; i < this.length; i++) {
      const id = this.ids[i] as number;
      if (holds(id)) this.ids[kept++] = id;
    }
    this.length = kept;
  }

  /** The ids as a view: valid until the next change. */
  view(): Uint32Array {
    return this.ids.subarray(0, this.length);
  }
}

/** A buffer of at least `bytes` that begins with those of the array, a multiple of 8 long. */
function grownBuffer(array: ArrayBufferView<ArrayBuffer>, bytes: number, tight: boolean): ArrayBuffer {
  return (bytes < growth.inPlaceFrom ? null : grownInPlace(array, bytes)) ?? copied(array, bytes, tight);
}

function exactBuffer(array: ArrayBufferView<ArrayBuffer>, bytes: number): ArrayBuffer {
  return (bytes < growth.inPlaceFrom ? null : grownInPlace(array, bytes, 0)) ?? copiedInto(array, bytes);
}

function copied(array: ArrayBufferView<ArrayBuffer>, bytes: number, tight: boolean): ArrayBuffer {
  const more = tight ? array.byteLength >> 3 : array.byteLength < 8 * PAGE ? array.byteLength : array.byteLength >> 1;
  return copiedInto(array, Math.max(bytes, array.byteLength + more + 128));
}

function copiedInto(array: ArrayBufferView<ArrayBuffer>, length: number): ArrayBuffer {
  const grown = new ArrayBuffer(Math.ceil(length / 8) * 8);
  new Uint8Array(grown).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return grown;
}

/** Null where there are no addresses left for it. */
function grownInPlace(array: ArrayBufferView<ArrayBuffer>, bytes: number, more = Math.floor(bytes / 16)): ArrayBuffer | null {
  const pages = Math.ceil(Math.min(LARGEST_MEMORY, bytes + more) / PAGE);
  if (bytes > pages * PAGE) return null;
  try {
    const own = memories.get(array.buffer);
    const memory = own ?? new WebAssembly.Memory({ initial: pages });
    if (own === undefined) new Uint8Array(memory.buffer).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    else own.grow(pages - own.buffer.byteLength / PAGE);
    const buffer = memory.buffer;
    memories.set(buffer, memory);
    return buffer;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
