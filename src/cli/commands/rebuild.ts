/** `tallyho rebuild`: all chunks again, after a changed measure. */
import type { Command } from 'commander';
import { type AddCommand, type Call, examples } from '../call.ts';
import { stdout } from '../output.ts';
import { counted, lasting } from '../words.ts';

export const addRebuild: AddCommand = (program, callOf) => {
  program
    .command('rebuild')
    .summary('read all chunks again, after a changed measure')
    .description(
      'Reads all applied chunks again by the patterns and settings of the config, and replaces the statistics in one go;\n' +
        'what is gone from the source is taken from what is kept of it, if that is enough;\n' +
        'until then the old ones stand. Detections and their files are kept; what is newly true is detected.\n' +
        'A start that is refused with REBUILD_NEEDED asks for this.',
    )
    .option('-y, --yes', 'accept more than 1,000 new detections')
    .option('--accept-changed', 'take chunks that have changed since they were applied as they are now')
    .option('--without <key>', 'give up the rows of a chunk that the source no longer has (may be given again)', collect)
    .addHelpText(
      'after',
      examples(
        'tallyho rebuild',
        'tallyho rebuild --accept-changed',
        'tallyho rebuild --without chunk_3.csv',
        'tallyho rebuild --config prod.yaml',
      ),
    )
    .action(async (flags: RebuildFlags, command: Command) => rebuild(flags, callOf(command)));
};

interface RebuildFlags {
  readonly yes?: boolean;
  readonly acceptChanged?: boolean;
  readonly without?: readonly string[];
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

async function rebuild({ yes = false, acceptChanged = false, without = [] }: RebuildFlags, call: Call): Promise<void> {
  const [{ withPipeline }, { rebuildPipeline }] = await Promise.all([import('../changing.ts'), import('../../pipeline/rebuild.ts')]);
  const started = performance.now();
  const stopping = 'Stopping: the statistics stay as they were.';
  const stopped = (): string => 'Stopped as asked; the statistics are as they were.';
  await withPipeline(call, { yes, stopping, stopped }, async ({ options, view, signal }) => {
    const { chunks, fromKept, leftOut, rows, detections } = await rebuildPipeline({ ...options, acceptChanged, without }, signal);
    view.end();
    const took = lasting(performance.now() - started);
    await stdout.lines([
      `Rebuilt from ${counted(chunks, 'chunk')} with ${counted(rows, 'row')} in ${took}: ${counted(detections, 'new detection')}.`,
      ...(fromKept === 0
        ? []
        : [`The source no longer has what was applied of ${counted(fromKept, 'chunk')}: what is kept of that was taken.`]),
      ...(leftOut === 0 ? [] : [`Left out, without any rows: ${counted(leftOut, 'chunk')} (\`tallyho chunks why KEY\`).`]),
    ]);
  });
}
