/** `tallyho demo`: everything at work on generated data, without a config. */
import type { Command } from 'commander';
import { type AddCommand, type Call, examples } from '../call.ts';
import { wholeNumber } from '../numbers.ts';

interface DemoFlags {
  readonly rows: number;
  readonly seed: number;
}

export const addDemo: AddCommand = (program, callOf) => {
  program
    .command('demo')
    .summary('see everything at work on generated data; needs no config')
    .description(
      'Makes a folder demo-1 (demo-2, ...) here, generates transactions, feeds them in some 60 chunks while a detector watches,\n' +
        'and ends when everything is detected and published. The folder stays: config, input, output and state.',
    )
    .option('-r, --rows <n>', 'how many transactions; below 100,000 with the patterns "sample"', wholeNumber(60, 100_000_000), 594_643)
    .option('--seed <n>', 'another seed, other data', wholeNumber(0), 1)
    .addHelpText('after', examples('tallyho demo', 'tallyho demo --rows 1000'))
    .action(async (flags: DemoFlags, command: Command) => demo(flags, callOf(command)));
};

async function demo(flags: DemoFlags, call: Call): Promise<void> {
  const { runDemo } = await import('../run-demo.ts');
  call.exit(await runDemo(flags, call));
}
