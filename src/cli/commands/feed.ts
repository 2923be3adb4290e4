/** `tallyho feed FROM`: a file as chunks into the source. */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../config/units.ts';
import { TallyhoError } from '../../core/error.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { wholeNumber } from '../numbers.ts';
import { say, stderr, stdout } from '../output.ts';
import { counted, grouped, lasting } from '../words.ts';

interface FeedFlags {
  readonly rows: number;
  readonly every: number;
  readonly limit?: number;
}

export const addFeed: AddCommand = (program, callOf) => {
  program
    .command('feed <from>')
    .summary('cut a file into chunks, and write one after the other into the source')
    .description(
      'Cuts a CSV file (plain or gzip) into chunks of N rows, each with the header, and writes one every so often into the\n' +
        "config's source as chunk_0.csv, chunk_1.csv, ...; each appears whole. A chunk that is there already with the same bytes is\nleft alone, so feeding the same file again adds nothing.",
    )
    .option('-r, --rows <n>', 'rows a chunk', wholeNumber(1, 100_000_000), 10_000)
    .addOption(
      new Option('--every <time>', 'from the start of one chunk to the next; 0 is as fast as possible')
        .argParser(duration)
        .default(1000, '1s'),
    )
    .option('--limit <n>', 'end after so many chunks', wholeNumber(1))
    .addHelpText(
      'after',
      examples(
        'tallyho feed transactions.csv',
        'tallyho feed transactions.csv --rows 500 --every 200ms',
        'tallyho feed transactions.csv.gz --every 0 --limit 10',
      ),
    )
    .action(async (from: string, flags: FeedFlags, command: Command) => feed(from, flags, callOf(command)));
};

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('Write it like 500ms, 1s, 5m or 0.');
  return ms;
}

async function feed(from: string, { rows, every, limit }: FeedFlags, call: Call): Promise<void> {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(from) && !from.startsWith('file:')) {
    throw new TallyhoError('UNSUPPORTED', `${from} cannot be fed yet: this release feeds local files.`, {
      mend: 'Download it first, and feed the file.',
    });
  }
  const [{ loadConfig }, { openObjects }, { feedFile }, { catchInterruption }, { makeBar }] = await Promise.all([
    import('../../config/load-config.ts'),
    import('../../objects/open-objects.ts'),
    import('../../feed/feed-file.ts'),
    import('../interruption.ts'),
    import('../bar.ts'),
  ]);
  const config = await loadConfig(call.configFile, call.env);
  const to = openObjects(config.source.url, { role: 'sink', base: config.folder, s3: config.s3 });
  const interruption = catchInterruption('Stopping after the chunk in hand.');
  const bar = stderr.isTerminal && limit !== undefined ? makeBar('  feeding') : null;
  let told = performance.now();
  let done = 0;
  const started = performance.now();
  try {
    const fed = await feedFile({
      from: from.startsWith('file:') ? from.slice('file:'.length).replace(/^\/\//, '') : from,
      to,
      rows,
      everyMs: every,
      csv: config.source.csv,
      signal: interruption.signal,
      ...(limit === undefined ? {} : { limit }),
      onProgress: ({ key, n, rows, result }) => {
        done += rows;
        bar?.update(n + 1, limit ?? 0, `chunks, ${grouped(done)} rows`);
        if (bar !== null || (performance.now() - told < 1000 && every < 1000)) return;
        told = performance.now();
        say(`${key}: ${counted(rows, 'row')}${result === 'same' ? ', there already' : ''}`);
      },
    });
    bar?.end();
    const same = fed.same === 0 ? '' : ` (${grouped(fed.same)} ${fed.same === 1 ? 'was' : 'were'} there already)`;
    await stdout.lines([
      `Fed ${counted(fed.chunks, 'chunk')}${same} with ${counted(fed.rows, 'row')} into ${to.url} in ${lasting(performance.now() - started)}.`,
    ]);
    if (fed.ended === 'stopped') say('Stopped as asked. Feeding the same file again goes on: chunks that are there are left alone.');
  } finally {
    bar?.end();
    interruption.end();
    await to.close();
  }
}
