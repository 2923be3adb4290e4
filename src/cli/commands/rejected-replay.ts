/** `tallyho rejected replay FILE.csv`: mended rows are applied, exactly once. */
import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { TallyhoError } from '../../core/error.ts';
import { printable, whyNoKey } from '../../objects/key.ts';
import type { ReplayFile, ReplaySummary, ToldRow } from '../../pipeline/replay.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { say, stderr, stdout } from '../output.ts';
import { counted, grouped, sized } from '../words.ts';

export const addRejectedReplay: AddCommand = (rejected, callOf) => {
  rejected
    .command('replay <file>')
    .summary('apply mended rows, each once')
    .description(
      'Reads the rows of a file that `tallyho rejected export` wrote and a person mended. Those that are good now are counted, in one\n' +
        'ledger entry of their own, which may detect; those that are still bad stay quarantined, and are told by line and reason.\n' +
        'A row is applied once, however often the file is given. It needs the pipeline for itself: while a detector runs it is refused.',
    )
    .option('-y, --yes', 'accept more than 1,000 new detections of changed patterns')
    .addHelpText('after', examples('tallyho rejected replay mend.csv'))
    .action(async (file: string, flags: { readonly yes?: boolean }, command: Command) => replay(file, flags.yes === true, callOf(command)));
};

const mostBytes = 256 << 20;
const mostTold = 20;

async function replay(file: string, yes: boolean, call: Call): Promise<void> {
  const [{ loadConfig }, { compose }, { replayRejected }, { catchInterruption }, { makeRunView }, { makeConfirm }] = await Promise.all([
    import('../../config/load-config.ts'),
    import('../compose.ts'),
    import('../../pipeline/replay.ts'),
    import('../interruption.ts'),
    import('../run-view.ts'),
    import('../confirm.ts'),
  ]);
  const config = await loadConfig(call.configFile, call.env);
  const mended = await readMended(file);
  const interruption = catchInterruption('Stopping: what was begun is finished or undone as a whole.');
  const view = makeRunView({ isTerminal: stderr.isTerminal, watching: null });
  try {
    const { signal } = interruption;
    const composition = await compose(config, {
      env: call.env,
      commitChunks: null,
      confirm: makeConfirm(yes, () => view.end()),
      on: view.on,
      say: view.say,
      signal,
    });
    try {
      const summary = await replayRejected(composition.options, mended, signal);
      view.end();
      await tell(summary);
    } catch (error) {
      if (!interruption.stopped) throw error;
      view.say('Stopped as asked. The same file once more goes on from here.');
    } finally {
      view.end();
      await composition.close();
    }
  } finally {
    interruption.end();
  }
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

async function tell({ sequence, applied, detections, before, stillBad, withoutEffect }: ReplaySummary): Promise<void> {
  tellRows(stillBad, counted(stillBad.length, 'row is still bad and stays', 'rows are still bad and stay'), 'quarantined');
  tellRows(withoutEffect, counted(withoutEffect.length, 'row has', 'rows have'), 'no effect');
  const lines =
    sequence === null
      ? ['Nothing was applied.']
      : [`Applied ${counted(applied, 'mended row')} as entry ${grouped(sequence)}: ${counted(detections, 'detection')}.`];
  if (before > 0)
    lines.push(`${counted(before, 'row was', 'rows were')} replayed before, and ${before === 1 ? 'is' : 'are'} not counted again.`);
  await stdout.lines(lines);
}

function tellRows(rows: readonly ToldRow[], many: string, what: string): void {
  if (rows.length === 0) return;
  say(`${many} ${what}:`);
  for (const { fileLine, object, line, reason, detail } of rows.slice(0, mostTold)) {
    const why = detail === null ? '' : `: ${printable(detail)}`;
    say(`  line ${fileLine} (${printable(object)}, line ${Number.isNaN(line) ? 'unreadable' : line}): ${reason}${why}`);
  }
  if (rows.length > mostTold) say(`  and ${grouped(rows.length - mostTold)} more.`);
}
