/**
 * A second thread for a large object: it hashes all of its bytes (of 1.6 GB, 920 ms of CPU), and in the time that is left it reads
 * pieces of it (reader/pieces.ts). A small object is read and hashed by one thread (content-id.ts): a second one costs more than
 * it saves, and loads the reader again.
 *
 * Blocks lie in shared memory and are given back when the work on them is done. Each thread has as much to do as it can: a piece
 * is given away whenever little work is waiting. With too many blocks under way, whoever has the next block waits. Modes: working, failed (every later call rejects with what the thread said), closed.
 */
import type { Worker } from 'node:worker_threads';
import type { CsvStart, PieceTaker } from '../../reader/piece-taker.ts';
import { type PiecesRead, withColumns } from '../../reader/pieces.ts';
import type { Reading } from '../../reader/reading.ts';
import { type BesideAnswer, type BesideTask, type BesideWork, counters } from './beside-messages.ts';
import type { Blocks } from './blocks.ts';
import type { ContentHash } from './content-id.ts';
import { startBesideMain } from './start-beside-main.ts';

/** Blocks under way: enough for what is parsed while the thread starts. */
const most = 24;
/** What reading a byte costs, in hashed bytes. */
const readingCost = 3;
/** A piece is given away while there is less to do than so many pieces are, so that the thread is not idle before the next. */
const waitingPieces = 2;

export class Beside implements ContentHash, PieceTaker {
  readonly #blocks: Blocks;
  readonly #words = new Int32Array(new SharedArrayBuffer(8));
  readonly #worker: Worker;
  /** Cost of each work that may not be done; `#sent` counts all of them. */
  readonly #costs: number[] = [];
  #pending = 0;
  #sent = 0;
  #done = 0;
  /** Blocks that are given back when so many works are done. */
  readonly #held: { readonly block: Uint8Array; readonly until: number }[] = [];
  #ending = false;
  #ended: { readonly digest: string; readonly pieces: PiecesRead | null } | null = null;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(object: string, reading: Reading, blocks: Blocks) {
    this.#blocks = blocks;
    const { layout, columns, csv, reference = false } = reading;
    const task: BesideTask = {
      object,
      reading: { layout, columns, csv, reference },
      counters: this.#words.buffer,
    };
    this.#worker = startBesideMain(task);
    this.#worker.on('message', (answer: BesideAnswer) => {
      if (answer.kind === 'ended') this.#ended = answer;
      this.#wake?.();
    });
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#fail(new Error('the thread beside has ended')));
  }

  /** The block itself, or a copy of one that is not shared. Whoever does not need it any more says `giveBack`. */
  share(block: Uint8Array): Uint8Array {
    if (this.#blocks.isShared(block)) return block;
    const shared = this.#blocks.makeShared(block.length);
    shared.set(block);
    return shared;
  }

  /** Of a shared block. */
  async update(block: Uint8Array): Promise<void> {
    this.#look();
    while (this.#held.length >= most) await this.#more();
    this.#send({ kind: 'hash', buffer: block.buffer, bytes: block.length }, block.length);
  }

  wants(block: Uint8Array, bytes: number): boolean {
    this.#look();
    return this.#blocks.isShared(block) && this.#pending <= waitingPieces * readingCost * bytes;
  }

  take(block: Uint8Array, from: number, end: number, line: number, start: CsvStart): void {
    const at = block.byteOffset;
    this.#send({ kind: 'piece', buffer: block.buffer, from: at + from, end: at + end, line, start }, readingCost * (end - from));
  }

  giveBack(block: Uint8Array): void {
    this.#held.push({ block, until: this.#sent });
  }

  async digest(): Promise<string> {
    return (await this.#end()).digest;
  }

  /** What came of the pieces, or null if there were none. */
  async pieces(): Promise<PiecesRead | null> {
    const { pieces } = await this.#end();
    return pieces === null ? null : withColumns(pieces);
  }

  close(): void {
    void this.#worker.terminate();
  }

  async #end(): Promise<{ readonly digest: string; readonly pieces: PiecesRead | null }> {
    if (!this.#ending) this.#post({ kind: 'end' });
    this.#ending = true;
    while (this.#ended === null) await this.#next();
    return this.#ended;
  }

  #send(work: BesideWork, cost: number): void {
    this.#post(work);
    this.#costs.push(cost);
    this.#pending += cost;
    this.#sent++;
  }

  #post(work: BesideWork): void {
    if (this.#error !== null) throw this.#error;
    this.#worker.postMessage(work);
  }

  /** Looks how far the thread has come. */
  #look(): void {
    for (const done = Atomics.load(this.#words, counters.done); this.#done < done; this.#done++) this.#pending -= this.#costs.shift()!;
    while (this.#held.length > 0 && this.#held[0]!.until <= this.#done) this.#blocks.giveBack(this.#held.shift()!.block);
  }

  /** Waits until more work is done. */
  async #more(): Promise<void> {
    Atomics.store(this.#words, counters.waiting, 1);
    const done = this.#done;
    this.#look();
    // What was done before it was told that we wait.
    if (this.#done === done) await this.#next();
    this.#look();
  }

  async #next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#error !== null) resolve();
    });
    if (this.#error !== null && this.#ended === null) throw this.#error;
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#wake?.();
  }
}
