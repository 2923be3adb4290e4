/** Growing typed arrays by half, so that n pushes copy O(n) values. */

/** At least `capacity` long; those beyond the old length are 0. */
export function growFloat64(array: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  if (capacity <= array.length) return array;
  const grown = new Float64Array(Math.max(capacity, array.length + (array.length >> 1) + 16));
  grown.set(array);
  return grown;
}

/** At least `capacity` long; those beyond the old length are 0. */
export function growUint32(array: Uint32Array<ArrayBuffer>, capacity: number): Uint32Array<ArrayBuffer> {
  if (capacity <= array.length) return array;
  const grown = new Uint32Array(Math.max(capacity, array.length + (array.length >> 1) + 16));
  grown.set(array);
  return grown;
}

export function growUint8(array: Uint8Array<ArrayBuffer>, capacity: number): Uint8Array<ArrayBuffer> {
  if (capacity <= array.length) return array;
  const grown = new Uint8Array(Math.max(capacity, array.length + (array.length >> 1) + 64));
  grown.set(array);
  return grown;
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

  /** The ids as a view: valid until the next change. */
  view(): Uint32Array {
    return this.ids.subarray(0, this.length);
  }
}
