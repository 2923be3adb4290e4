/** The program: its commands, and the one place where errors end. */
import { Command, CommanderError } from 'commander';
import type { Env } from '../config/fill-in.ts';
import { isDebugging } from '../config/environment.ts';
import type { AddCommand, Call } from './call.ts';
import { addChunks } from './commands/chunks.ts';
import { addDemo } from './commands/demo.ts';
import { addDetections } from './commands/detections.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExplain } from './commands/explain.ts';
import { addFeed } from './commands/feed.ts';
import { addGenerate } from './commands/generate.ts';
import { addInit } from './commands/init.ts';
import { addPatterns } from './commands/patterns.ts';
import { addRebuild } from './commands/rebuild.ts';
import { addRejected } from './commands/rejected.ts';
import { addRun } from './commands/run.ts';
import { addState } from './commands/state.ts';
import { addStatus } from './commands/status.ts';
import { say, stdout } from './output.ts';
import { exitCodeOf, showError } from './show-error.ts';
import { usageError } from './usage-error.ts';
import { version } from './version.ts';

const groups: readonly { readonly title: string; readonly commands: readonly AddCommand[] }[] = [
  { title: 'Begin:', commands: [addDemo, addInit] },
  { title: 'Work:', commands: [addRun, addFeed, addGenerate] },
  { title: 'Look:', commands: [addStatus, addChunks, addRejected, addDetections, addExplain, addPatterns] },
  { title: 'Mend:', commands: [addDoctor, addRebuild, addState] },
];

/** Runs one command line; resolves to the exit code. */
export async function runProgram(args: readonly string[], env: Env): Promise<number> {
  let exitCode = 0;
  let helpOf = 'tallyho --help';
  const callOf = (command: Command): Call => ({
    configFile: command.optsWithGlobals<{ config?: string }>().config ?? null,
    env,
    exit: (code) => {
      exitCode = code;
    },
  });

  const program: Command = new Command('tallyho')
    .description('Watches a bucket for chunks of transactions, and reports declared patterns the moment a chunk makes them true.')
    .option('-c, --config <file>', 'the config file (default: tallyho.yaml)')
    .version(version(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({
      showGlobalOptions: true,
      // Of the commands above, only what holds for all.
      visibleGlobalOptions: (command) => (command.parent === null ? [] : program.options.filter(({ long }) => long === '--config')),
    })
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText(
      'after',
      '\nNew here? `tallyho demo` shows everything at work on generated data.\nHelp on one command: `tallyho COMMAND --help`.',
    );
  for (const { title, commands } of groups) {
    program.commandsGroup(title);
    for (const add of commands) add(program, callOf);
  }
  program
    .command('version', { hidden: true })
    .description('Shows the version.')
    .action(() => stdout.lines([version()]));
  program.hook('preSubcommand', (_, command) => {
    helpOf = `tallyho ${command.name()} --help`;
  });

  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      say(showError(error, isDebugging(env)));
      return exitCodeOf(error);
    }
    // Help that was asked for; without any command it is shown as well, and is wrong usage.
    if (error.code === 'commander.help') return args.length === 0 ? 2 : 0;
    if (error.exitCode === 0) return 0;
    const wrong = usageError(error, helpOf);
    say(showError(wrong, false));
    return wrong.exit;
  }
}
