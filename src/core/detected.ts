/** The entities that one pattern has detected: one bit an entity. */
import { growUint8 } from './grow.ts';

export class Detected {
  private bits = new Uint8Array(64);

  has(entity: number): boolean {
    return (((this.bits[entity >>> 3] ?? 0) >>> (entity & 7)) & 1) === 1;
  }

  add(entity: number): void {
    const at = entity >>> 3;
    if (at >= this.bits.length) this.bits = growUint8(this.bits, at + 1);
    this.bits[at] = (this.bits[at] as number) | (1 << (entity & 7));
  }
}
