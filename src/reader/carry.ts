/** Bytes that wait for those after them; the room for them is used again. */
export class Carry {
  /** Of these the first `length`. */
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;

  add(block: Uint8Array, from: number, to: number): void {
    const length = this.length + to - from;
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(256, length, 2 * this.bytes.length));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    this.bytes.set(block.subarray(from, to), this.length);
    this.length = length;
  }

  clear(): void {
    this.length = 0;
  }

  /** All of them, in an array of their own. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }
}
