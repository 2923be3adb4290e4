/** `tallyho rejected`: the rows that are not counted, and why. */
import type { Command } from 'commander';
import { printable } from '../../objects/key.ts';
import type { RejectedRow } from '../../reader/rejected.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { makeJsonList, say, stdout } from '../output.ts';
import { type JsonFlag, jsonFlag, withReading } from '../reading.ts';
import { makeTable } from '../table.ts';
import type { QuarantinedRow } from '../../store/store.ts';
import { cut, grouped } from '../words.ts';
import { addRejectedReplay } from './rejected-replay.ts';
import { addRejectedExport } from './rejected-export.ts';

export const addRejected: AddCommand = (program, callOf) => {
  const rejected = program
    .command('rejected [key]')
    .summary('list the rows that are quarantined, each with its reason; `rejected export` and `rejected replay` mend them')
    .description(
      'Lists the rows that are not counted: object, line, reason and text. Of each chunk the first 100,000 are kept, of each\n' +
        'row the first 8 KiB. KEY: only of this chunk.\n\n' +
        'Reasons: bad_encoding (not UTF-8, or a NUL), too_long (over 1 MiB), column_count (not as many fields as the header),\n' +
        'missing_key (a key field is empty), long_key (over 256 bytes), bad_amount, bad_weight.',
    )
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples('tallyho rejected', 'tallyho rejected chunk_3.csv', 'tallyho rejected --json', 'tallyho rejected export mend.csv'),
    )
    .action(async (key: string | undefined, flags: JsonFlag, command: Command) => listRejected(key, flags.json === true, callOf(command)));
  addRejectedExport(rejected, callOf);
  addRejectedReplay(rejected, callOf);
};

async function listRejected(key: string | undefined, json: boolean, call: Call): Promise<void> {
  const list = makeJsonList(stdout);
  const table = makeTable([{ title: 'object' }, { title: 'line', right: true }, { title: 'reason' }, { title: 'text' }]);
  let count = 0;
  await withReading(
    call,
    async ({ reader }) => {
      for await (const page of reader.quarantined(key === undefined ? {} : { key: key.replace(/\/$/, '') })) {
        count += page.length;
        if (json) await list.items(page.map(rejectedJson));
        else if (page.length > 0) await stdout.lines(table.rows(page.map(rejectedCells)));
      }
      if (count === 0)
        say(
          key === undefined
            ? 'No row is quarantined.'
            : `No row of ${printable(key)} is quarantined. \`tallyho chunks why ${key}\` says what became of it.`,
        );
    },
    async () => undefined,
  );
  if (json) await list.end();
}

function rejectedCells(row: QuarantinedRow): readonly (string | number)[] {
  const raw = decode(row);
  const text = raw === null ? `base64 ${Buffer.from(row.raw).toString('base64')}` : printable(raw);
  const reason = row.resolvedBy === null ? row.reason : `${row.reason} (mended: entry ${grouped(row.resolvedBy)})`;
  return [printable(row.object), row.line, reason, cut(text, 100)];
}

/** The fields of `rejected --json`, in this order (DESIGN.md 9); `resolvedBy` of a row that a replay applied, mended. */
export function rejectedJson(row: QuarantinedRow): string {
  const { object, line, reason, resolvedBy } = row;
  const raw = decode(row) ?? { base64: Buffer.from(row.raw).toString('base64') };
  return JSON.stringify({
    object,
    line,
    reason,
    raw,
    ...(isTruncated(row) ? { truncated: true } : {}),
    ...(resolvedBy === null ? {} : { resolvedBy }),
  });
}

function isTruncated({ raw, length }: RejectedRow): boolean {
  return length > raw.length;
}

/** As text, or null where it is not UTF-8. A character that the cut went through does not make it other bytes. */
function decode(row: RejectedRow): string | null {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    // With `stream`, an unfinished character at the end is held back; without, it is a fault.
    return decoder.decode(row.raw, { stream: isTruncated(row) });
  } catch {
    return null;
  }
}
