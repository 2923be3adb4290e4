/**
 * SHA-256 of a large object in a thread of its own, while its bytes are parsed: of 1.6 GB hashing takes 920 ms of CPU, handing the
 * blocks over 58 ms. Small objects are hashed where they are read (content-id.ts): a thread costs some 25 ms of CPU to start.
 *
 * Blocks are copied into shared buffers, which come back when they are hashed; with none left, whoever has the next block
 * waits. Modes: hashing, failed (every later call rejects with what the thread said), closed.
 */
import { Worker } from 'node:worker_threads';
import type { ContentHash } from './content-id.ts';

/** Copied blocks under way. */
const most = 4;

// Text, so that it is one with the program however that is bundled.
const program = `
const { parentPort } = require('node:worker_threads');
const hash = require('node:crypto').createHash('sha256');
parentPort.on('message', (block) => {
  if (block === null) return parentPort.postMessage(hash.digest('hex'));
  hash.update(new Uint8Array(block.buffer, 0, block.length));
  parentPort.postMessage(block.buffer);
});
`;

export class HashBeside implements ContentHash {
  readonly #worker = new Worker(program, { eval: true });
  readonly #free: SharedArrayBuffer[] = [];
  #made = 0;
  #digest: string | null = null;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  constructor() {
    this.#worker.on('message', (answer: SharedArrayBuffer | string) => {
      if (typeof answer === 'string') this.#digest = answer;
      else this.#free.push(answer);
      this.#wake?.();
    });
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#fail(new Error('the hashing thread has ended')));
  }

  async update(block: Uint8Array): Promise<void> {
    let buffer = this.#buffer(block.length);
    while (buffer === null) {
      await this.#next();
      buffer = this.#buffer(block.length);
    }
    new Uint8Array(buffer).set(block);
    this.#worker.postMessage({ buffer, length: block.length });
  }

  async digest(): Promise<string> {
    this.#worker.postMessage(null);
    while (this.#digest === null) await this.#next();
    return this.#digest;
  }

  close(): void {
    void this.#worker.terminate();
  }

  /** One that is large enough, or null if all are under way. */
  #buffer(bytes: number): SharedArrayBuffer | null {
    if (this.#error !== null) throw this.#error;
    const free = this.#free.pop();
    if (free !== undefined && free.byteLength >= bytes) return free;
    if (free === undefined && this.#made >= most) return null;
    if (free === undefined) this.#made++;
    return new SharedArrayBuffer(bytes);
  }

  async #next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#error !== null) resolve();
    });
    if (this.#error !== null && this.#digest === null) throw this.#error;
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#wake?.();
  }
}
