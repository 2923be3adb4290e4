/**
 * Unpacks gzip, of any number of members, as it comes (in zlib's threads), within a limit.
 *
 * zlib goes on with the next member by itself, fails on other bytes behind the last, but passes over zero bytes there:
 * those it has not consumed, and that is how they are found.
 */
import { createGunzip, type Gunzip } from 'node:zlib';

const blockSize = 1 << 18;

export type UnpackFault = 'unreadable' | 'limit';

export class Unpacker {
  /** Bytes unpacked. */
  bytes = 0;
  readonly #onBlock: (block: Uint8Array) => Promise<void> | void;
  readonly #limit: number;
  readonly #gunzip: Gunzip;
  #written = 0;
  #ended = false;
  #fault: { readonly kind: UnpackFault; readonly detail: string } | null = null;
  #error: { readonly error: unknown } | null = null;
  #wake: (() => void) | null = null;

  /** `onBlock` gets what is unpacked, up to `limit` bytes; the next block comes when what it promises is done. */
  constructor(limit: number, onBlock: (block: Uint8Array) => Promise<void> | void) {
    this.#limit = limit;
    this.#onBlock = onBlock;
    this.#gunzip = createGunzip({ chunkSize: blockSize });
    this.#gunzip.on('data', (block: Buffer) => this.#take(block));
    this.#gunzip.on('drain', () => this.#wake?.());
    this.#gunzip.on('end', () => {
      this.#ended = true;
      this.#wake?.();
    });
    this.#gunzip.on('error', (error) => this.#stop('unreadable', error.message));
  }

  /** Resolves when there is room for more. */
  async write(packed: Uint8Array): Promise<void> {
    this.#written += packed.length;
    if (this.#stopped || packed.length === 0) return;
    if (!this.#gunzip.write(packed)) await this.#until(() => !this.#gunzip.writableNeedDrain);
  }

  /** What is wrong with it, or null; every block was given out before. */
  async end(): Promise<{ readonly kind: UnpackFault; readonly detail: string } | null> {
    if (!this.#stopped) {
      this.#gunzip.end();
      await this.#until(() => false);
    }
    if (this.#error !== null) throw this.#error.error;
    const consumed = this.#gunzip.bytesWritten;
    if (this.#fault === null && consumed !== this.#written) {
      this.#fault = { kind: 'unreadable', detail: `other bytes follow the gzip data, from byte ${consumed + 1} on` };
    }
    this.#gunzip.destroy();
    return this.#fault;
  }

  destroy(): void {
    this.#ended = true;
    this.#gunzip.destroy();
    this.#wake?.();
  }

  get #stopped(): boolean {
    return this.#ended || this.#fault !== null || this.#error !== null;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!this.#stopped && !condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(block: Uint8Array): void {
    if (this.#stopped) return;
    this.bytes += block.length;
    if (this.bytes > this.#limit) {
      this.#stop('limit', '');
      return;
    }
    try {
      const taken = this.#onBlock(block);
      if (taken === undefined) return;
      this.#gunzip.pause();
      taken.then(
        () => this.#gunzip.resume(),
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#error = { error };
    this.#stop('unreadable', '');
  }

  #stop(kind: UnpackFault, detail: string): void {
    this.#fault ??= { kind, detail };
    this.#gunzip.destroy();
    this.#wake?.();
  }
}
