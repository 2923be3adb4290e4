/** `tallyho doctor`: would a detector work here? */
import type { Command } from 'commander';
import { type AddCommand, type Call, examples } from '../call.ts';
import { stdout } from '../output.ts';
import { type JsonFlag, jsonFlag } from '../reading.ts';

export const addDoctor: AddCommand = (program, callOf) => {
  program
    .command('doctor')
    .summary('check config, bucket, database, engine, clocks and rights')
    .description(
      'Checks all that a detector needs, and says of each what was found and how to mend it: config and patterns, source and sink with the\n' +
        'rights there, the database or the private server, clocks, engine, disk, time zone. Every fault is shown, not only the first.\n' +
        'Changes nothing: in the sink it puts one small object of its own, _tallyho-doctor-probe, and removes it again if it may.',
    )
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(
        'tallyho doctor',
        'tallyho doctor --config prod.yaml',
        'tallyho doctor --json | jq ".checks[] | select(.state != \\"ok\\")"',
      ) + '\n\nExit codes: 0 nothing failed (warnings do not count), 1 something failed, 2 wrong usage.',
    )
    .action(async (flags: JsonFlag, command: Command) => doctor(flags.json === true, callOf(command)));
};

async function doctor(json: boolean, call: Call): Promise<void> {
  const [{ examine }, { closingLine, resultLines }] = await Promise.all([
    import('../doctor/examine.ts'),
    import('../doctor/result-text.ts'),
  ]);
  const style = { width: stdout.width, color: stdout.isTerminal && (call.env['NO_COLOR'] ?? '') === '' };
  const results = await examine(call.configFile, call.env, async (result) => {
    if (!json) await stdout.lines(resultLines(result, style));
  });
  const healthy = results.every(({ state }) => state !== 'failed');
  if (json) await stdout.lines([JSON.stringify({ healthy, checks: results })]);
  else await stdout.lines(['', closingLine(results)]);
  call.exit(healthy ? 0 : 1);
}
