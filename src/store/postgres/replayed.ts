/** Mended rows of replays: writing them, each once, and only where it names a rejected row (PROTOCOL.md 1.5). */
import { assertLaw } from '../../core/error.ts';
import type { CommitEntry, ReplayedRow } from '../store.ts';
import { bytesArray, numberArray, textArray } from './arrays.ts';
import { exactly, orRefused, type Sending } from './sending.ts';

/** A row that was resolved before violates `replayed_row_once`. */
const insertReplayed = exactly(
  '$9',
  `
insert into replayed_row (position, number, origin, version, object, line, header, record)
select $1, u.* from unnest($2::integer[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::bytea[])
  u (number, origin, version, object, line, header, record)
where exists (select from rejected_row r where r.position = u.origin and r.object = u.object and r.line = u.line)
  and exists (select from chunk c where c.position = u.origin and c.content_id = u.version)`,
);

const rowsAtOnce = 10_000;

export async function writeReplayed(sending: Sending, placed: readonly { position: number; entry: CommitEntry }[]): Promise<void> {
  for (const { position, entry } of placed) {
    const rows = entry.replayed ?? [];
    for (let from = 0; from < rows.length; from += rowsAtOnce) {
      const part = rows.slice(from, from + rowsAtOnce);
      const texts = (of: (row: ReplayedRow) => string): string => textArray(part.map(of));
      const numbers = (of: (row: ReplayedRow, i: number) => number): string => numberArray(part.map(of));
      await sending.send(
        insertReplayed,
        [
          position,
          numbers((_, i) => from + i),
          numbers(({ origin }) => origin),
          texts(({ version }) => version),
          texts(({ object }) => object),
          numbers(({ line }) => line),
          bytesArray(part.map(({ header }) => header)),
          bytesArray(part.map(({ record }) => record)),
          part.length,
        ],
        (answer) => orRefused(answer, () => assertLaw(false, 'a replayed row is one that was rejected')),
      );
    }
  }
}

/** Law 4 of a replay: what it applied are the rows that it resolves. */
export function assertReplayed({ line, replayed = [], behind = [] }: Pick<CommitEntry, 'line' | 'replayed' | 'behind'>): void {
  const resolved = line.kind === 'replay' ? line.applied : 0;
  assertLaw(replayed.length === resolved, `${line.key}: a replay, and no other entry, resolves as many rows as it applies`);
  assertLaw(behind.length <= replayed.length, `${line.key}: a replay adds only rejected rows that it resolves`);
}

export const selectReplayed = `
select p.position, c.sequence, p.number, p.origin, p.version, p.object, p.line, p.header, p.record
from replayed_row p join chunk c using (position)
where ($1::bigint is null or p.position = $1) and ($2::bigint is null or p.origin = $2)
order by p.position, p.number`;
