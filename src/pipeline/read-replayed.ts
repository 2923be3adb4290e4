/**
 * Mended rows -> what they add, by the same exact reader and settings as the chunks (PROTOCOL.md 1.5). They are kept as they were
 * replayed, so `rebuild` reads them again, and a correction of their chunk knows what to take out.
 */
import type { Delta } from '../core/delta.ts';
import { assertLaw } from '../core/error.ts';
import type { ReadPlan } from '../engine/engine.ts';
import { ChunkReader } from '../reader/chunk-reader.ts';
import type { ReplayedRow } from '../store/store.ts';

export interface BadRow {
  readonly reason: string;
  readonly detail: string | null;
}

export interface ReadReplayed {
  readonly delta: Delta;
  /** Those that do not count, by their place among the rows. */
  readonly bad: ReadonlyMap<number, BadRow>;
}

type Row = Pick<ReplayedRow, 'header' | 'record'>;

const lineEnd = Buffer.from('\n');

export function readReplayed(rows: readonly Row[], plan: ReadPlan): ReadReplayed {
  const reader = new ChunkReader({ ...plan, csv: { delimiter: ',', quote: '"' } });
  const bad = new Map<number, BadRow>();
  const groups = [...byHeader(rows).values()];
  let read = 0;
  /** Of each group: the line in it of each of its rows -> the row's place. */
  const placeAt = groups.map((places, g) => {
    const part = reader.csv(String(g));
    const first = rows[places[0] ?? 0] as Row;
    part.push(Buffer.concat([first.header, lineEnd]));
    const placeOf = new Map<number, number>();
    let line = 1 + lines(first.header);
    for (const place of places) {
      const { record } = rows[place] as Row;
      placeOf.set(line, place);
      line += lines(record);
      part.push(Buffer.concat([record, lineEnd]));
    }
    const fault = part.end();
    read += part.rows;
    if (fault === null) assertLaw(part.rows === places.length, 'a mended row is one record');
    else for (const place of places) bad.set(place, { reason: fault.reason, detail: fault.detail });
    return placeOf;
  });
  const { delta, rejected, rejectedRows } = reader.take(read);
  assertLaw(rejected.length === rejectedRows, 'all that is wrong with mended rows is told');
  for (const { object, line, reason } of rejected) {
    const place = placeAt[Number(object)]?.get(line);
    assertLaw(place !== undefined, 'a rejected row is one of those that were read');
    bad.set(place, { reason, detail: null });
  }
  return { delta, bad };
}

/** Physical lines that it takes. */
function lines(record: Uint8Array): number {
  let count = 1;
  for (const byte of record) if (byte === 10) count++;
  return count;
}

function byHeader(rows: readonly Row[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  rows.forEach(({ header }, place) => {
    const name = Buffer.from(header).toString('utf8');
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [place]);
    else group.push(place);
  });
  return groups;
}
