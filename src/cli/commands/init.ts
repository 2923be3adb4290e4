/** `tallyho init`: writes a commented config that runs as it is. */
import type { Command } from 'commander';
import { type AddCommand, type Call, examples } from '../call.ts';
import { stdout } from '../output.ts';

interface InitFlags {
  readonly source: string;
  readonly sink: string;
  readonly patterns: string;
  readonly force?: boolean;
}

export const addInit: AddCommand = (program, callOf) => {
  program
    .command('init')
    .summary('write a commented tallyho.yaml that runs as it is')
    .description(
      'Writes a commented config (tallyho.yaml, or what --config names) with the settings for BankSim-shaped data,\nand makes the source folder. A file that is there is not overwritten.',
    )
    .option('--source <url>', 'where chunks arrive', './input/')
    .option('--sink <url>', 'where detections go', './output/')
    .option('--patterns <set>', 'full, sample, or the path of a file with a list', 'full')
    .option('-f, --force', 'overwrite')
    .addHelpText(
      'after',
      examples(
        'tallyho init',
        'tallyho init --source /data/chunks/ --sink /data/detections/',
        'tallyho init --patterns sample --config sample.yaml',
      ),
    )
    .action(async (flags: InitFlags, command: Command) => init(flags, callOf(command)));
};

async function init(flags: InitFlags, call: Call): Promise<void> {
  const { writeConfig } = await import('../write-config.ts');
  await stdout.lines(await writeConfig(call.configFile, flags, call.env));
}
