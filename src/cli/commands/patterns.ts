/** `tallyho patterns`: the patterns in words; `tallyho patterns reset ID`: detect afresh. */
import type { Command } from 'commander';
import { TallyhoError } from '../../core/error.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { say, stdout } from '../output.ts';
import { type JsonFlag, jsonFlag } from '../reading.ts';

export const addPatterns: AddCommand = (program, callOf) => {
  const patterns = program
    .command('patterns')
    .summary('show the patterns in words; `patterns reset ID` detects one afresh')
    .description('Shows the patterns that the config declares, each in plain words.')
    .option(...jsonFlag)
    .addHelpText('after', examples('tallyho patterns', 'tallyho patterns --json', 'tallyho patterns reset PatId1'))
    .action(async (flags: JsonFlag, command: Command) => listPatterns(flags.json === true, callOf(command)));
  patterns
    .command('reset <id>')
    .summary('forget what a pattern detected, so that it detects afresh')
    .description(
      'Forgets what a pattern has detected: with the next start it detects every entity for which it is true once more.\n' +
        'Detections and files that were made stay as they are. No detector may be running.',
    )
    .addHelpText('after', examples('tallyho patterns reset PatId1'))
    .action(async (id: string, _, command: Command) => resetPattern(id, callOf(command)));
};

async function listPatterns(json: boolean, call: Call): Promise<void> {
  const [{ loadConfig }, { patternJson, patternLines }] = await Promise.all([
    import('../../config/load-config.ts'),
    import('../pattern-text.ts'),
  ]);
  const { patterns } = await loadConfig(call.configFile, call.env);
  if (json) await stdout.lines([`[${patterns.map(patternJson).join(',\n')}]`]);
  else await stdout.lines(patterns.flatMap((pattern, i) => [...(i === 0 ? [] : ['']), ...patternLines(pattern)]));
}

async function resetPattern(id: string, call: Call): Promise<void> {
  const [{ loadConfig }, { openReader, openStore }, { suggest }] = await Promise.all([
    import('../../config/load-config.ts'),
    import('../open-store.ts'),
    import('../../patterns/nearest.ts'),
  ]);
  const config = await loadConfig(call.configFile, call.env);
  const reader = await openReader(config);
  const pipeline = (await reader?.pipeline()) ?? null;
  await reader?.close();
  const known = pipeline?.patterns ?? [];
  if (!known.some((pattern) => pattern.id === id)) {
    const ids = known.map((pattern) => pattern.id);
    throw new TallyhoError('PATTERN_UNKNOWN', `No pattern "${id}" has ever run in this pipeline.`, {
      mend: ids.length === 0 ? 'There is nothing to reset.' : suggest(id, ids, 'Those that have'),
    });
  }
  const store = await openStore(config, { readOnly: false, onProgress: say, signal: undefined });
  try {
    const writer = await store.claim({ waitMs: 0 });
    try {
      await writer.resetPattern(id);
    } finally {
      await writer.release();
    }
  } finally {
    await store.close();
  }
  await stdout.lines([`${id} has forgotten what it detected. The next \`tallyho run\` detects afresh.`]);
}
