/** `tallyho rebuild`: all chunks again, after a changed measure. */
import type { Command } from 'commander';
import { type AddCommand, type Call, examples } from '../call.ts';
import { stderr, stdout } from '../output.ts';
import { counted, lasting } from '../words.ts';

export const addRebuild: AddCommand = (program, callOf) => {
  program
    .command('rebuild')
    .summary('read all chunks again, after a changed measure')
    .description(
      'Reads all applied chunks again by the patterns and settings of the config, and replaces the statistics in one go;\n' +
        'until then the old ones stand. Detections and their files are kept; what is newly true is detected.\n' +
        'A start that is refused with REBUILD_NEEDED asks for this.',
    )
    .option('-y, --yes', 'accept more than 1,000 new detections')
    .option('--accept-changed', 'take chunks that have changed since they were applied as they are now')
    .addHelpText('after', examples('tallyho rebuild', 'tallyho rebuild --accept-changed', 'tallyho rebuild --config prod.yaml'))
    .action(async (flags: RebuildFlags, command: Command) => rebuild(flags, callOf(command)));
};

interface RebuildFlags {
  readonly yes?: boolean;
  readonly acceptChanged?: boolean;
}

async function rebuild({ yes = false, acceptChanged = false }: RebuildFlags, call: Call): Promise<void> {
  const [{ loadConfig }, { compose }, { rebuildPipeline }, { catchInterruption }, { makeRunView }, { makeConfirm }] = await Promise.all([
    import('../../config/load-config.ts'),
    import('../compose.ts'),
    import('../../pipeline/rebuild.ts'),
    import('../interruption.ts'),
    import('../run-view.ts'),
    import('../confirm.ts'),
  ]);
  const config = await loadConfig(call.configFile, call.env);
  const interruption = catchInterruption('Stopping: the statistics stay as they were.');
  const view = makeRunView({ isTerminal: stderr.isTerminal, watching: null });
  const started = performance.now();
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
      const { chunks, rows, detections } = await rebuildPipeline({ ...composition.options, acceptChanged }, signal);
      view.end();
      const took = lasting(performance.now() - started);
      await stdout.lines([
        `Rebuilt from ${counted(chunks, 'chunk')} with ${counted(rows, 'row')} in ${took}: ${counted(detections, 'new detection')}.`,
      ]);
    } catch (error) {
      if (!interruption.stopped) throw error;
      view.say('Stopped as asked; the statistics are as they were.');
    } finally {
      view.end();
      await composition.close();
    }
  } finally {
    interruption.end();
  }
}
