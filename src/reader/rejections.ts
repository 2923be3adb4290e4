/**
 * Collects the rejected rows of a chunk: all are counted, the first `keptRows` kept, of each the first `keptBytes`. A taker is given
 * those from a number on.
 */
import { createHash } from 'node:crypto';
import { assertLaw } from '../core/error.ts';
import { keptBytes, keptRows, type RejectedRow, type RejectedTaker, type RowReason } from './rejected.ts';

export class Rejections {
  count = 0;
  /** Of the chunk in hand, which one reader alone reads. */
  taker: RejectedTaker | null = null;
  #rows: RejectedRow[] = [];

  /** A record that is there as a whole: bytes[start..end). They are copied. */
  add(object: string, line: number, reason: RowReason, bytes: Uint8Array, start: number, end: number): void {
    if (!this.#isWanted) {
      this.count++;
      return;
    }
    const length = end - start;
    const cut = length > keptBytes;
    const sha256 = cut ? createHash('sha256').update(bytes.subarray(start, end)).digest('hex') : null;
    this.addCut({ object, line, reason, raw: bytes.slice(start, cut ? start + keptBytes : end), length, sha256 });
  }

  /** One whose bytes are cut already. */
  addCut(row: RejectedRow): void {
    const number = this.count++;
    if (this.#rows.length < keptRows) this.#rows.push(row);
    if (this.taker !== null && number >= this.taker.from) this.taker.take(row, number);
  }

  /** `count` rows of the object that was added last, or of one after it, of which `rows` were kept, in order of their lines. */
  merge(rows: readonly RejectedRow[], count: number): void {
    assertLaw(this.taker === null, 'rows that are given to a taker come in order');
    this.count += count;
    const object = rows[0]?.object;
    if (object === undefined) return;
    const before = this.#rows.filter((row) => row.object !== object);
    const own = this.#rows.slice(before.length);
    const all = [...own, ...rows].sort((a, b) => a.line - b.line);
    this.#rows = [...before, ...all].slice(0, keptRows);
  }

  /** Rows that are counted only. */
  skip(count: number): void {
    this.count += count;
  }

  /** What was kept, in the order in which it was added; starts anew. */
  take(): readonly RejectedRow[] {
    const rows = this.#rows;
    this.clear();
    return rows;
  }

  clear(): void {
    this.#rows = [];
    this.count = 0;
    this.taker = null;
  }

  get #isWanted(): boolean {
    return this.#rows.length < keptRows || (this.taker !== null && this.count >= this.taker.from);
  }
}
