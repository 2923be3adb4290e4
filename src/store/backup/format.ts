/**
 * The form of a backup, before compression: lines of UTF-8, which any tool can read.
 *
 *   {"backup":"tallyho state","version":1,"schema":...,"pipeline":...,...}     the header
 *   {"table":"chunk","columns":["position",...]}                              then of each table
 *   1<tab>chunk<tab>...                                                       its rows, in the text form of PostgreSQL's COPY
 *   \.                                                                        and their end, which no row can be
 *   {"rows":{"chunk":60,...},"sha256":"..."}                                  the end
 *
 * The last line counts the rows of each table and has the SHA-256 of all bytes before it, so what was cut or altered is noticed.
 * Rows are COPY's, because every PostgreSQL writes and reads them alike, whatever its version.
 */
import { createHash } from 'node:crypto';
import { TallyhoError } from '../../core/error.ts';
import type { Layout } from '../../core/layout.ts';

const kind = 'tallyho state';
const formatVersion = 1;

export interface BackupHeader {
  /** Of the schema that the rows are of (store/migrations). */
  readonly schema: number;
  readonly pipeline: string;
  /** The release, and the version of the server, that wrote it. */
  readonly release: string;
  readonly server: string;
  /** When: an ISO instant. */
  readonly at: string;
  readonly lastSequence: number;
  /** Of the statistics tables; null before the first start. */
  readonly generation: number;
  readonly layout: Layout | null;
}

export interface BackupTable {
  readonly table: string;
  readonly columns: readonly string[];
}

export type RowCounts = Readonly<Record<string, number>>;

export interface BackupWriter {
  begin(table: BackupTable): Promise<void>;
  /** Whole rows in COPY's text form. */
  rows(bytes: Uint8Array, count: number): Promise<void>;
  endTable(): Promise<void>;
  end(): Promise<RowCounts>;
}

export async function beginBackup(header: BackupHeader, write: (bytes: Uint8Array) => Promise<void>): Promise<BackupWriter> {
  const hash = createHash('sha256');
  const counts: Record<string, number> = {};
  let table = '';
  const put = async (bytes: Uint8Array): Promise<void> => {
    hash.update(bytes);
    await write(bytes);
  };
  await put(line({ backup: kind, version: formatVersion, ...header }));
  return {
    begin: async (next) => {
      ({ table } = next);
      counts[table] = 0;
      await put(line(next));
    },
    rows: async (bytes, count) => {
      counts[table] = (counts[table] ?? 0) + count;
      await put(bytes);
    },
    endTable: () => put(Buffer.from('\\.\n')),
    end: async () => {
      await write(line({ rows: counts, sha256: hash.digest('hex') }));
      return counts;
    },
  };
}

function line(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

const [lineEnd, backslash, dot] = [0x0a, 0x5c, 0x2e];
/** Of a line that is no row: a layout has some thousand characters. */
const longestLine = 64 << 20;

/** Reads a backup once, from its beginning to its end. Every method throws BACKUP_INVALID where it is not what was written. */
export class BackupReader {
  readonly header: BackupHeader;
  readonly #source: Source;

  private constructor(source: Source, header: BackupHeader) {
    this.#source = source;
    this.header = header;
  }

  static async open(bytes: AsyncIterable<Uint8Array>): Promise<BackupReader> {
    const source = new Source(bytes);
    const text = await source.line();
    const header = parse<BackupHeader & { readonly backup: unknown; readonly version: unknown }>(text);
    if (header === null || header.backup !== kind)
      throw invalid('it is no backup of Tallyho', 'Name a file that `tallyho state export` wrote.');
    if (header.version !== formatVersion)
      throw invalid(
        `it has the form ${JSON.stringify(header.version)}, and this release knows ${formatVersion}`,
        'Use the release that wrote it, or a newer one.',
      );
    source.count(text);
    return new BackupReader(source, header as BackupHeader);
  }

  /** The next table, or null at the end, which is then known to be right. The rows of the one before must have been taken. */
  async next(): Promise<BackupTable | null> {
    const text = await this.#source.line();
    const found = parse<BackupTable & { readonly rows: unknown; readonly sha256: unknown }>(text);
    if (found !== null && typeof found.table === 'string' && Array.isArray(found.columns)) {
      this.#source.count(text);
      this.#source.begin(found.table);
      return { table: found.table, columns: found.columns };
    }
    if (found === null || typeof found.sha256 !== 'string') throw altered('a line is none that was written');
    await this.#source.end(found.sha256, found.rows);
    return null;
  }

  /** The rows of the table in hand, cut anywhere. */
  rows(): AsyncGenerator<Uint8Array> {
    return this.#source.rows();
  }

  get counts(): RowCounts {
    return this.#source.counts;
  }
}

/** Reads all of it, so that it is known to be what was written before anything is asked of a store. */
export async function verifyBackup(bytes: AsyncIterable<Uint8Array>, check: (header: BackupHeader) => void): Promise<BackupHeader> {
  const backup = await BackupReader.open(bytes);
  check(backup.header);
  while ((await backup.next()) !== null) for await (const _ of backup.rows());
  return backup.header;
}

/** The bytes, of which those that were handed on are hashed and their rows counted. */
class Source {
  readonly counts: Record<string, number> = {};
  readonly #bytes: AsyncIterator<Uint8Array>;
  readonly #hash = createHash('sha256');
  #rest: Buffer = Buffer.alloc(0);
  #table = '';

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#bytes = bytes[Symbol.asyncIterator]();
  }

  /** A line without its end, not hashed yet: the last one is not. */
  async line(): Promise<string> {
    for (let from = 0; ; ) {
      const at = this.#rest.indexOf(lineEnd, from);
      if (at !== -1) {
        const text = this.#rest.toString('utf8', 0, at);
        this.#rest = this.#rest.subarray(at + 1);
        return text;
      }
      from = this.#rest.length;
      if (from > longestLine) throw altered('a line has no end');
      if (!(await this.#more())) throw cut();
    }
  }

  count(text: string): void {
    this.#hash.update(`${text}\n`);
  }

  begin(table: string): void {
    if (table in this.counts) throw altered(`the table ${table} comes twice`);
    this.counts[table] = 0;
    this.#table = table;
  }

  async *rows(): AsyncGenerator<Uint8Array> {
    let rows = 0;
    for (let atStart = true; ; ) {
      const bytes = this.#rest;
      let at = 0;
      let isEnd = false;
      while (at < bytes.length) {
        if (atStart) {
          if (bytes.length - at < 3) break;
          isEnd = bytes[at] === backslash && bytes[at + 1] === dot && bytes[at + 2] === lineEnd;
          if (isEnd) break;
        }
        const end = bytes.indexOf(lineEnd, at);
        atStart = end !== -1;
        if (atStart) rows++;
        at = atStart ? end + 1 : bytes.length;
      }
      const taken = isEnd ? at + 3 : at;
      this.#hash.update(bytes.subarray(0, taken));
      this.#rest = bytes.subarray(taken);
      if (at > 0) yield bytes.subarray(0, at);
      if (isEnd) break;
      if (!(await this.#more())) throw cut();
    }
    this.counts[this.#table] = rows;
  }

  async end(sha256: string, counts: unknown): Promise<void> {
    if (this.#hash.digest('hex') !== sha256) throw altered('its checksum is another');
    if (JSON.stringify(counts) !== JSON.stringify(this.counts)) throw altered('its tables have not as many rows as it says');
    if (this.#rest.length > 0 || (await this.#more())) throw altered('something stands behind its end');
  }

  async #more(): Promise<boolean> {
    const next = await this.#bytes.next();
    if (next.done === true) return false;
    const { value } = next;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    return true;
  }
}

/** An object of which nothing is known yet; null where it is none. */
function parse<T extends object>(text: string): Partial<T> | null {
  try {
    const value = JSON.parse(text) as Partial<T> | string | number | boolean | null;
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

export function invalid(why: string, mend: string, cause?: unknown): TallyhoError {
  return new TallyhoError('BACKUP_INVALID', `The backup cannot be used: ${why}. Nothing was changed.`, { mend, cause });
}

export function altered(why: string, cause?: unknown): TallyhoError {
  return invalid(
    `it is not as it was written (${why})`,
    'Take another copy of it; a copy over a network may have been cut or changed.',
    cause,
  );
}

function cut(): TallyhoError {
  return altered('its end is missing');
}
