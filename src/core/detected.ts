/** The entities that one pattern has detected: one bit an entity. */
import { growUint8, type IdList } from './grow.ts';

export class Detected {
  private bits = new Uint8Array(64);

  has(entity: number): boolean {
    return (((this.bits[entity >>> 3] ?? 0) >>> (entity & 7)) & 1) === 1;
  }

  /** Replaces `list` by those of the candidates that are not detected; entities are below `size`. */
  others({ ids, length }: IdList, size: number, list: IdList): void {
    this.bits = growUint8(this.bits, (size >>> 3) + 1);
    list.clear();
    list.reserve(length);
    list.length = copyOthers(ids, length, this.bits, list.ids);
  }

  add(entity: number): void {
    const at = entity >>> 3;
    if (at >= this.bits.length) this.bits = growUint8(this.bits, at + 1);
    this.bits[at] = (this.bits[at] as number) | (1 << (entity & 7));
  }
}

function copyOthers(ids: Uint32Array, length: number, bits: Uint8Array, out: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < length; i++) {
    const entity = ids[i] as number;
    out[count] = entity;
    if ((((bits[entity >>> 3] as number) >>> (entity & 7)) & 1) === 0) count++;
  }
  return count;
}
