/** The rows of a quarantine file on their way out: under the titles of their objects, and taken back where they turn out to be none. */
import type { RejectedRow } from '../reader/rejected.ts';
import type { Head } from './object-head.ts';
import { fileStart, rowLine, titleLine } from './quarantine-file.ts';

export interface CuttableFile {
  write(text: string): Promise<void>;
  /** What was written so far, for `cutBack`. */
  mark(): number;
  /** Forgets what was written behind it. */
  cutBack(mark: number): Promise<void>;
}

export interface OutRow {
  readonly row: RejectedRow;
  /** Content id of its chunk. */
  readonly version: string;
  /** Of its object; null where it is not to be had. */
  readonly head: Head | null;
}

export class RowsOut {
  rows = 0;
  /** Objects without a head. */
  readonly headless = new Set<string>();
  readonly #file: CuttableFile;
  #titles: string | null = null;

  constructor(file: CuttableFile) {
    this.#file = file;
  }

  async begin(): Promise<void> {
    await this.#file.write(fileStart);
  }

  async write(rows: readonly OutRow[]): Promise<void> {
    const lines: string[] = [];
    for (const { row, version, head } of rows) {
      if (head === null) this.headless.add(row.object);
      const titles = titleLine(head?.columns ?? []);
      if (titles !== this.#titles) lines.push(titles);
      this.#titles = titles;
      lines.push(rowLine(row, version, head));
    }
    this.rows += rows.length;
    await this.#file.write(lines.join(''));
  }

  /** What `work` writes stays only if it says so. */
  async writeOnlyIf(work: () => Promise<boolean>): Promise<boolean> {
    const { rows } = this;
    const [mark, titles, headless] = [this.#file.mark(), this.#titles, [...this.headless]];
    if (await work()) return true;
    await this.#file.cutBack(mark);
    this.rows = rows;
    this.#titles = titles;
    this.headless.clear();
    for (const object of headless) this.headless.add(object);
    return false;
  }

  /** A file without rows has titles all the same. */
  async end(): Promise<void> {
    if (this.#titles === null) await this.#file.write(titleLine([]));
  }
}
