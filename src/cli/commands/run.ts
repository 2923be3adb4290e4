/** `tallyho run`: the detector. */
import type { Command } from 'commander';
import { type AddCommand, type Call, examples } from '../call.ts';
import { duration, wholeNumber } from '../numbers.ts';

interface RunFlags {
  readonly once?: boolean;
  readonly commitChunks?: number;
  readonly yes?: boolean;
  readonly wait?: true | number;
  readonly profile?: boolean;
  readonly adopt?: boolean;
  readonly takeOverState?: boolean;
}

export const addRun: AddCommand = (program, callOf) => {
  program
    .command('run')
    .summary('watch the source, and detect (--once: take what is there, and end)')
    .description(
      'Watches the source for chunks, keeps the statistics, and writes detections into the sink, each exactly once.\n' +
        'Runs until Ctrl-C, which finishes the commit in hand. After any end, the next start goes on where it stopped.',
    )
    .option('--once', 'take all that is there, publish, and end')
    .option('-y, --yes', 'accept a changed set of patterns that adds more than 1,000 detections')
    .option(
      '--wait [duration]',
      'wait while another detector holds the pipeline: for 30s, 10m, 1h, ...; without end if none is given',
      duration,
    )
    .option('--adopt', 'where the output holds what this state did not write (SINK_AHEAD): let it count as detected')
    .option('--take-over-state', 'start on a private state that another machine used last and did not close (STATE_UNREACHABLE)')
    .option('--profile', 'say at the end where the time went: wall by phase, CPU by part of the program')
    .option('--commit-chunks <n>', 'exactly so many chunks a commit (for tests)', wholeNumber(1, 100_000))
    .addHelpText(
      'after',
      examples(
        'tallyho run                     watch until Ctrl-C',
        'tallyho run --once              for cron: exit code 1 where something wants a look',
        'tallyho run -c prod.yaml --yes',
        'tallyho run --wait              a standby: takes over when the detector that runs elsewhere ends',
        'tallyho run --adopt             after an older state was restored: nothing in the output is detected twice',
      ) +
        '\n\nExit codes: 0 done, 1 failed (or an incident, or a chunk that grew), 2 wrong usage or config,\n3 stopped by a bad chunk (onBadChunk: halt), 4 another detector holds the pipeline, or took over.',
    )
    .action(async (flags: RunFlags, command: Command) => run(flags, callOf(command)));
};

async function run(flags: RunFlags, call: Call): Promise<void> {
  const [{ runDetector }, { loadConfig }] = await Promise.all([import('../run-detector.ts'), import('../../config/load-config.ts')]);
  const config = await loadConfig(call.configFile, call.env);
  const { once = false, commitChunks = null, yes = false, profile = false, adopt = false, takeOverState = false, wait = null } = flags;
  const waitMs = wait === true ? Number.POSITIVE_INFINITY : wait;
  call.exit(await runDetector(config, { once, commitChunks, yes, waitMs, profile, adopt, takeOverState }, call));
}
