/** `tallyho state export FILE` and `state import FILE`: a backup of all that the pipeline keeps. */
import type { Command } from 'commander';
import { type AddCommand, examples } from '../call.ts';

interface ExportFlags {
  readonly force?: boolean;
}

interface ImportFlags {
  readonly replace?: boolean;
  readonly yes?: boolean;
}

export const addState: AddCommand = (program, callOf) => {
  const state = program
    .command('state')
    .summary('back up all that the pipeline keeps: `state export FILE`, `state import FILE`')
    .description(
      'Backs up the state of the pipeline and brings it back: ledger, statistics, detections, files that are not published yet, patterns.\n' +
        'A backup is one file, and does not depend on the kind or version of the store: it is also the way from the private server to\n' +
        'another PostgreSQL and back, and to a new major version.',
    )
    .addHelpText(
      'after',
      examples('tallyho state export backup.gz', 'tallyho state import backup.gz', 'tallyho state import backup.gz --config new.yaml'),
    );
  state
    .command('export <file>')
    .summary('write a backup')
    .description(
      'Writes the state as of one moment into a file (gzip), beside a running detector if there is one. The file appears when it is whole.\n' +
        'Keep it as the data it was made of is kept: it holds names of customers.',
    )
    .option('-f, --force', 'overwrite the file')
    .addHelpText('after', examples('tallyho state export backup.gz', 'tallyho state export "backup-$(date +%F).gz" --config prod.yaml'))
    .action(async (file: string, flags: ExportFlags, command: Command) => {
      const { runExport } = await import('../run-backup.ts');
      await runExport(file, flags.force === true, callOf(command));
    });
  state
    .command('import <file>')
    .summary('bring a backup back, into an empty store')
    .description(
      'Makes a backup the state of this pipeline: all of it at once, after it was found to be what was written. The store must be empty.\n' +
        'The next `tallyho run` goes on as the pipeline would have that was backed up.',
    )
    .option('--replace', 'give up the state that is there for the backup')
    .option('-y, --yes', 'with --replace: do not ask')
    .addHelpText('after', examples('tallyho state import backup.gz', 'tallyho state import backup.gz --replace --yes'))
    .action(async (file: string, flags: ImportFlags, command: Command) => {
      const { runImport } = await import('../run-backup.ts');
      await runImport(file, { replace: flags.replace === true, yes: flags.yes === true }, callOf(command));
    });
};
