/** `tallyho rejected replay FILE.csv`: mended rows are applied, exactly once. */
import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { TallyhoError } from '../../core/error.ts';
import { printable, whyNoKey } from '../../objects/key.ts';
import type { ReplayFile, ReplaySummary, ToldRow } from '../../pipeline/mended-rows.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { say, stdout } from '../output.ts';
import { counted, grouped, sized } from '../words.ts';

export const addRejectedReplay: AddCommand = (rejected, callOf) => {
  rejected
    .command('replay <file>')
    .summary('apply mended rows, each once')
    .description(
      'Reads the rows of a file that `tallyho rejected export` wrote and a person\n' +
        'mended. Those that are good now are counted, in one ledger entry of their own,\n' +
        'which may detect; those that are still bad stay quarantined, and are told by\n' +
        'line and reason. A row is applied once, however often the file is given.\n\n' +
        'While a detector runs, the rows are handed over to it: it applies them between\n' +
        'two chunks, and this command waits for what comes of them. Ctrl-C then ends the\n' +
        'waiting alone.',
    )
    .option('-y, --yes', 'accept more than 1,000 new detections of changed patterns')
    .addHelpText(
      'after',
      examples(
        'tallyho rejected export mend.csv     writes the rows; mend them in an editor or a spreadsheet',
        'tallyho rejected replay mend.csv     applies them',
        'tallyho chunks why mend.csv          the entry that came of it',
      ),
    )
    .action(async (file: string, flags: { readonly yes?: boolean }, command: Command) => replay(file, flags.yes === true, callOf(command)));
};

const mostBytes = 256 << 20;
const mostTold = 20;

async function replay(file: string, yes: boolean, call: Call): Promise<void> {
  const [{ withPipeline }, { replayRejected }] = await Promise.all([import('../changing.ts'), import('../../pipeline/replay.ts')]);
  const mended = await readMended(file);
  let isHandedOver = false;
  const stopping = 'Stopping: what was begun is finished or undone as a whole.';
  const stopped = (): string =>
    isHandedOver
      ? `Stopped as asked. The rows stay handed over, and are applied all the same: \`tallyho chunks why ${printable(mended.name)}\` shows the entry.`
      : 'Stopped as asked. The same file once more goes on from here.';
  await withPipeline(call, { yes, stopping, stopped }, async ({ options, view, signal }) => {
    const onHandedOver = (): void => {
      isHandedOver = true;
      view.say(
        'A detector holds the pipeline: the rows are handed over to it. Waiting for what comes of them; Ctrl-C ends the waiting alone.',
      );
    };
    const summary = await replayRejected(options, mended, { id: randomUUID(), onHandedOver }, signal);
    view.end();
    await tell(summary);
  });
}

async function readMended(file: string): Promise<ReplayFile> {
  const path = resolve(file);
  const name = basename(path);
  const why = whyNoKey(name);
  if (why !== null) throw new TallyhoError('USAGE', `${path} cannot be named in the ledger: ${why}.`, { mend: 'Rename it.' });
  try {
    const { size } = await stat(path);
    if (size > mostBytes)
      throw new TallyhoError('USAGE', `${path} has ${sized(size)}; one replay takes at most ${sized(mostBytes)}.`, {
        mend: 'Split the file, and replay each part.',
      });
    return { name, bytes: await readFile(path) };
  } catch (cause) {
    if (cause instanceof TallyhoError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TallyhoError('USAGE', `${path} cannot be read: ${reason}`, { mend: 'Give the file that was mended.', cause });
  }
}

async function tell({ sequence, applied, detections, before, stillBad, withoutEffect, rest }: ReplaySummary): Promise<void> {
  const [bad, idle] = [stillBad.length + rest.stillBad, withoutEffect.length + rest.withoutEffect];
  tellRows(stillBad, bad, `${counted(bad, 'row is still bad and stays', 'rows are still bad and stay')} quarantined`);
  tellRows(withoutEffect, idle, `${counted(idle, 'row has', 'rows have')} no effect`);
  const lines =
    sequence === null
      ? ['Nothing was applied.']
      : [`Applied ${counted(applied, 'mended row')} as entry ${grouped(sequence)}: ${counted(detections, 'detection')}.`];
  if (before > 0)
    lines.push(`${counted(before, 'row was', 'rows were')} replayed before, and ${before === 1 ? 'is' : 'are'} not counted again.`);
  await stdout.lines(lines);
}

function tellRows(rows: readonly ToldRow[], all: number, what: string): void {
  if (all === 0) return;
  say(`${what}:`);
  for (const { fileLine, object, line, reason, detail } of rows.slice(0, mostTold)) {
    const why = detail === null ? '' : `: ${printable(detail)}`;
    say(`  line ${fileLine} (${printable(object)}, line ${Number.isNaN(line) ? 'unreadable' : line}): ${reason}${why}`);
  }
  if (all > mostTold) say(`  and ${grouped(all - mostTold)} more.`);
}
