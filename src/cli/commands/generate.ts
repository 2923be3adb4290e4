/** `tallyho generate FILE`: data shaped like BankSim. */
import type { Command } from 'commander';
import { type AddCommand, type Call, examples } from '../call.ts';
import { wholeNumber } from '../numbers.ts';
import { stderr, stdout } from '../output.ts';
import { counted, lasting, sized } from '../words.ts';

interface GenerateFlags {
  readonly rows?: number;
  readonly customers?: number;
  readonly merchants?: number;
  readonly seed: number;
  readonly reference?: string;
}

export const addGenerate: AddCommand = (program, callOf) => {
  program
    .command('generate <file>')
    .summary('write transactions shaped like BankSim into one file')
    .description(
      'Writes transactions with the shape of BankSim: counts are exact, their assignment is random by the seed.\nThe same options give the same bytes, everywhere. A file that is there is replaced.',
    )
    .option('-r, --rows <n>', 'how many transactions (default: 594,643)', wholeNumber(1, 100_000_000))
    .option('--customers <n>', 'how many customers (default: 4,112, fewer for few rows)', wholeNumber(1, 100_000_000))
    .option('--merchants <n>', 'how many merchants (default: 50)', wholeNumber(1, 100_000))
    .option('--seed <n>', 'another seed, other data', wholeNumber(0), 1)
    .option('--reference <file>', 'write the weights (Source,Target,Weight,typeTrans,fraud) as well')
    .addHelpText(
      'after',
      examples(
        'tallyho generate transactions.csv',
        'tallyho generate sample.csv --rows 1000 --seed 7',
        'tallyho generate big.csv --rows 20000000 --customers 200000',
        'tallyho generate t.csv --reference CustomerImportance.csv',
      ),
    )
    .action(async (file: string, flags: GenerateFlags, command: Command) => generate(file, flags, callOf(command)));
};

async function generate(file: string, flags: GenerateFlags, call: Call): Promise<void> {
  const { writeGenerated } = await import('../write-generated.ts');
  const { catchInterruption } = await import('../interruption.ts');
  const interruption = catchInterruption('Stopping: nothing is left behind.');
  const { reference, ...options } = flags;
  try {
    const { rows, customers, merchants, written, ms } = await writeGenerated(options, {
      file,
      reference,
      signal: interruption.signal,
      isTerminal: stderr.isTerminal,
    });
    const lines = written.map(({ path, bytes }) => `${path}: ${counted(rows, 'row')}, ${sized(bytes)}`);
    await stdout.lines([
      ...lines,
      `${counted(customers, 'customer')} at ${counted(merchants, 'merchant')}, seed ${options.seed}; ${lasting(ms)}.`,
    ]);
  } catch (error) {
    if (!interruption.stopped) throw error;
    call.exit(130);
  } finally {
    interruption.end();
  }
}
