/**
 * What must come of a source folder, from scratch and the plain way: DESIGN.md 4 and 5 over the slow parser, DESIGN.md 3
 * over the SQL oracle after every applied chunk. Shares no code with the pipeline, its reader or its core.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from '../../../src/core/layout.ts';
import { type SlowRejected, type SlowResult, type SlowRow, slowParse } from '../slow-parser/parse.ts';
import { type FoundChunk, findChunks } from './find-chunks.ts';

export interface ExpectedLine {
  key: string;
  outcome: string;
  sequence: number | null;
  rows: number;
  /** [object, line, code] */
  rejected: [string, number, string][];
  reason: string | null;
  /** [pattern, ...values of the entity in declared order], sorted as text. */
  detections: string[][];
}

/** The oracle as the evaluator needs it: rows in, true now and not before out. */
export interface Detecting {
  append(rows: readonly SlowRow[]): Promise<void>;
  fresh(): Promise<readonly (readonly [patternId: string, values: readonly string[]])[]>;
}

export interface EvaluatorSettings {
  readonly layout: Layout;
  readonly columns: Readonly<Record<string, string>>;
  readonly delimiter: string;
  readonly maxBadRows: number;
  /** Rows of a Parquet object as CSV with `"` quotes, one record a row. */
  readonly parquetCsv: (bytes: Buffer) => Buffer | null;
  readonly oracle: Detecting;
}

interface Known {
  contentId: string | null;
  outcome: string;
  inForce: string | null;
  place: number;
}

export interface Evaluator {
  readonly ledger: ExpectedLine[];
  /** All rows that count, in the order of the ledger. */
  readonly accepted: SlowRow[];
  run(source: string): Promise<void>;
}

export function makeEvaluator(settings: EvaluatorSettings): Evaluator {
  const ledger: ExpectedLine[] = [];
  const accepted: SlowRow[] = [];
  const known = new Map<string, Known>();
  const inForce = new Map<string, { key: string; rows: number }>();
  let sequence = 0;

  async function take(source: string, chunk: FoundChunk): Promise<void> {
    const before = known.get(chunk.key) ?? null;
    const line: ExpectedLine = { key: chunk.key, outcome: 'waiting', sequence: null, rows: 0, rejected: [], reason: null, detections: [] };
    if (chunk.waiting) {
      if (before?.outcome !== 'waiting') write(line, null, before);
      return;
    }
    const parts = chunk.parts.map((object) => ({ object, bytes: readFileSync(join(source, object)) }));
    const contentId = idOf(chunk, parts);
    if (before !== null && before.contentId === contentId) return;
    if (before?.inForce === contentId) return;
    if (before !== null && before.inForce !== null) {
      write({ ...line, outcome: 'changed' }, contentId, before);
      return;
    }
    const original = inForce.get(contentId);
    if (original !== undefined) {
      write({ ...line, outcome: 'duplicate', rows: original.rows }, contentId, before);
      return;
    }
    const result = parse(parts);
    if (result.kind === 'fault') {
      write({ ...line, outcome: 'quarantined', reason: result.reason }, contentId, before);
      return;
    }
    const rows = result.rows.length + result.rejected.length;
    const rejected = result.rejected.map(({ object, line: at, reason }): [string, number, string] => [object, at, reason]);
    if (rows === 0) {
      write({ ...line, outcome: 'empty' }, contentId, before);
    } else if (rejected.length * 100 > settings.maxBadRows * rows) {
      write({ ...line, outcome: 'quarantined', reason: 'too_many_bad_rows', rows, rejected }, contentId, before);
    } else {
      sequence++;
      accepted.push(...result.rows);
      await settings.oracle.append(result.rows);
      const detections = (await settings.oracle.fresh()).map(([id, values]) => [id, ...values]);
      inForce.set(contentId, { key: chunk.key, rows });
      write({ ...line, outcome: 'applied', sequence, rows, rejected, detections: detections.sort(byText) }, contentId, before);
    }
  }

  function write(line: ExpectedLine, contentId: string | null, before: Known | null): void {
    const replaces = before?.outcome === 'waiting';
    const place = replaces && before !== null ? before.place : ledger.length;
    ledger[place] = line;
    const force = line.outcome === 'applied' ? contentId : (before?.inForce ?? null);
    known.set(line.key, { contentId, outcome: line.outcome, inForce: force, place });
  }

  function parse(parts: readonly { object: string; bytes: Buffer }[]): SlowResult {
    const rows: SlowRow[] = [];
    const rejected: SlowRejected[] = [];
    for (const part of parts) {
      const result = part.object.endsWith('.parquet') ? parseParquet(part) : slowParse([part], reading());
      if (result.kind === 'fault') return result;
      rows.push(...result.rows);
      rejected.push(...result.rejected);
    }
    return { kind: 'rows', rows, rejected };
  }

  function parseParquet({ object, bytes }: { object: string; bytes: Buffer }): SlowResult {
    const csv = settings.parquetCsv(bytes);
    if (csv === null) return { kind: 'fault', reason: 'unreadable', object };
    const result = slowParse([{ object, bytes: csv }], { ...reading(), csv: { delimiter: ',', quote: '"' } });
    if (result.kind === 'fault') return result;
    // The line of a row is its number + 1, wherever its text stands in the CSV.
    const lines = [...result.rows, ...result.rejected].map(({ line }) => line).sort((a, b) => a - b);
    const place = new Map(lines.map((line, i) => [line, i + 2]));
    const moved = <T extends { line: number }>(row: T): T => ({ ...row, line: place.get(row.line) ?? 0 });
    return { kind: 'rows', rows: result.rows.map(moved), rejected: result.rejected.map(moved) };
  }

  function reading() {
    return { layout: settings.layout, columns: settings.columns, csv: { delimiter: settings.delimiter, quote: 'auto' as const } };
  }

  return {
    ledger,
    accepted,
    async run(source) {
      for (const chunk of findChunks(source)) await take(source, chunk);
    },
  };
}

/** Two chunks are the same content if these are equal; objects and folders never are. */
function idOf(chunk: FoundChunk, parts: readonly { bytes: Buffer }[]): string {
  const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const ids = parts.map(({ bytes }) => hash(bytes));
  return chunk.folder ? `folder:${ids.join(',')}` : `object:${ids[0]}`;
}

function byText(a: readonly string[], b: readonly string[]): number {
  const left = JSON.stringify(a);
  const right = JSON.stringify(b);
  return left < right ? -1 : left > right ? 1 : 0;
}
