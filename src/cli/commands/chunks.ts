/** `tallyho chunks`, `tallyho chunks why KEY`: what became of each chunk. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { TallyhoError } from '../../core/error.ts';
import { compareNatural } from '../../core/natural-order.ts';
import { printable } from '../../objects/key.ts';
import type { Outcome, StoredLine } from '../../store/store.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { chunkJson, detailOf, isShown, shownKey, whyLines } from '../chunk-lines.ts';
import { makeJsonList, say, stdout } from '../output.ts';
import { type JsonFlag, jsonFlag, type Reading, withReading } from '../reading.ts';
import { makeTable } from '../table.ts';
import { cut } from '../words.ts';

const outcomes = ['applied', 'quarantined', 'duplicate', 'changed', 'empty', 'waiting'];

interface ChunksFlags extends JsonFlag {
  readonly outcome?: Outcome;
}

export const addChunks: AddCommand = (program, callOf) => {
  const chunks = program
    .command('chunks')
    .summary('list the chunks and their outcomes; `chunks why KEY` says more of one')
    .description('Lists every chunk version that was decided, in the order of the ledger.')
    .addOption(new Option('--outcome <outcome>', 'only chunks of this outcome').choices(outcomes))
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples('tallyho chunks', 'tallyho chunks --outcome quarantined', 'tallyho chunks --json', 'tallyho chunks why chunk_3.csv'),
    )
    .action(async (flags: ChunksFlags, command: Command) => listChunks(flags, callOf(command)));
  chunks
    .command('why <key>')
    .summary('outcome and reason of one chunk, version by version')
    .description(
      "Says in words what became of a chunk, each version that was seen, and what to do about it.\nKEY is its path below the source's URL, as `tallyho chunks` shows it.",
    )
    .option(...jsonFlag)
    .addHelpText('after', examples('tallyho chunks why chunk_3.csv', 'tallyho chunks why 2026/day-1.csv --json'))
    .action(async (key: string, _: JsonFlag, command: Command) =>
      whyChunk(key.replace(/\/$/, ''), command.optsWithGlobals<JsonFlag>().json === true, callOf(command)),
    );
};

async function listChunks({ json, outcome }: ChunksFlags, call: Call): Promise<void> {
  const list = makeJsonList(stdout);
  if (json === true) {
    await withReading(
      call,
      async ({ reader }) => {
        for await (const page of reader.chunks(outcome === undefined ? {} : { outcome }))
          await list.items(page.filter(isShown).map(chunkJson));
      },
      async () => undefined,
    );
    return list.end();
  }
  const table = makeTable([
    { title: 'entry', right: true },
    { title: 'chunk' },
    { title: 'outcome' },
    { title: 'rows', right: true },
    { title: 'quarantined', right: true },
    { title: 'detections', right: true },
    { title: 'why' },
  ]);
  let count = 0;
  await withReading(
    call,
    async ({ reader }) => {
      for await (const page of reader.chunks(outcome === undefined ? {} : { outcome })) {
        const lines = page.filter(isShown);
        if (lines.length === 0) continue;
        count += lines.length;
        await stdout.lines(table.rows(lines.map(chunkRow)));
      }
      if (count === 0) say(outcome === undefined ? 'No chunk was seen yet.' : `No chunk is ${outcome}.`);
    },
    async () => undefined,
  );
}

function chunkRow(line: StoredLine): readonly (string | number | null)[] {
  const { outcome, sequence, rows, quarantined, detections, reason } = line;
  const detail = detailOf(line);
  const isPlain = outcome === 'applied' && line.corrects === null && line.correctedBy === null;
  const why = isPlain ? '' : cut(printable([reason, detail].filter((text) => text !== null).join(': ')), 100);
  return [sequence, shownKey(line), outcome, rows, quarantined, detections, why];
}

async function whyChunk(key: string, json: boolean, call: Call): Promise<void> {
  const list = makeJsonList(stdout);
  await withReading(
    call,
    async (reading) => {
      const lines: StoredLine[] = [];
      for await (const page of reading.reader.chunks({ key })) lines.push(...page.filter(isShown));
      if (lines.length === 0) throw await unknownChunk(key, reading);
      if (json) return await list.items(lines.map(chunkJson));
      const overtaken = await findOvertaken(key, lines, reading.reader);
      const words = lines.map((line, i) =>
        whyLines(line, { isNewest: i === lines.length - 1, overtakenBy: overtaken.get(line.position) ?? null }),
      );
      await stdout.lines(words.flat());
    },
    async () => undefined,
  );
  if (json) await list.end();
}

/** For each line that is no correction: how many chunks were applied before it though they follow it in natural order. */
async function findOvertaken(
  key: string,
  lines: readonly StoredLine[],
  reader: Reading['reader'],
): Promise<Map<number, { count: number; example: string }>> {
  const applied = lines.filter(({ kind, sequence }) => kind === 'chunk' && sequence !== null);
  const found = new Map<number, { count: number; example: string }>();
  if (applied.length === 0) return found;
  for await (const page of reader.chunks({ outcome: 'applied' })) {
    for (const other of page) {
      if (other.kind !== 'chunk' || compareNatural(other.key, key) <= 0) continue;
      for (const { position, sequence } of applied) {
        if ((other.sequence ?? 0) >= (sequence ?? 0)) continue;
        const known = found.get(position);
        if (known === undefined) found.set(position, { count: 1, example: other.key });
        else known.count++;
      }
    }
  }
  return found;
}

async function unknownChunk(key: string, reading: Reading): Promise<TallyhoError> {
  const { findChunk } = await import('../find-chunk.ts');
  const { message, mend } = await findChunk(key, reading);
  return new TallyhoError('USAGE', message, { mend });
}
