/** `tallyho rejected export FILE.csv`: quarantined rows with their reasons, as a file in which a person mends them. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { TallyhoError } from '../../core/error.ts';
import { makeLocalEngine } from '../../engine/local/local-engine.ts';
import { printable } from '../../objects/key.ts';
import { type RowReason, rowReasons } from '../../reader/rejected.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { keyBelow, openSource } from '../compose.ts';
import { say, stdout } from '../output.ts';
import { withReading } from '../reading.ts';
import { counted, listed } from '../words.ts';
import { writeWhole } from '../write-whole.ts';

interface ExportFlags {
  readonly chunk?: string;
  readonly reason?: RowReason;
  readonly force?: boolean;
}

export const addRejectedExport: AddCommand = (rejected, callOf) => {
  rejected
    .command('export <file>')
    .summary('write the rows that can be mended, each with its reason')
    .description(
      'Writes quarantined rows of applied chunks as CSV: where each comes from (_object, _version, _line), why it is not\n' +
        'counted (_reason), and its fields under the titles of its object, or its text in _raw where it could not be split.\n' +
        'Mend them in an editor or a spreadsheet; leave the first three columns as they are.',
    )
    .option('--chunk <key>', 'only rows of this chunk')
    .addOption(new Option('--reason <code>', 'only rows with this reason').choices([...rowReasons]))
    .option('-f, --force', 'overwrite the file')
    .addHelpText(
      'after',
      examples('tallyho rejected export mend.csv', 'tallyho rejected export mend.csv --chunk chunk_3.csv --reason bad_amount'),
    )
    .action(async (file: string, flags: ExportFlags, command: Command) => exportRows(file, flags, callOf(command)));
};

const mostNamed = 3;

async function exportRows(file: string, { chunk, reason, force }: ExportFlags, call: Call): Promise<void> {
  const { exportRejected } = await import('../../pipeline/export-rejected.ts');
  const path = resolve(file);
  await withReading(
    call,
    async ({ config, reader }) => {
      if ((await keyBelow(config.source, { url: path, location: { kind: 'file', path } })) !== null)
        throw new TallyhoError('USAGE', `${path} lies in the source, where it would be read as a chunk.`, {
          mend: 'Give a file in another folder.',
        });
      if (force !== true && existsSync(path))
        throw new TallyhoError('USAGE', `${path} is there already, perhaps half mended.`, {
          mend: 'Name another file, or overwrite it by `--force`.',
        });
      const source = openSource(config);
      const engine = makeLocalEngine({ source });
      try {
        const exported = await writeWhole(path, (file) =>
          exportRejected({
            store: reader,
            source,
            engine,
            input: config.source,
            now: Date.now(),
            key: chunk === undefined ? null : chunk.replace(/\/$/, ''),
            reason: reason ?? null,
            file,
            signal: new AbortController().signal,
          }),
        );
        const { rows, leftOut, gone, headless } = exported;
        await stdout.lines([`Wrote ${counted(rows, 'quarantined row')} to ${path}.`]);
        if (leftOut > 0)
          say(
            `${counted(leftOut, 'row is', 'rows are')} left out: of chunks that are quarantined as a whole (write the mended chunk under the same name), or of the reference (mend it and \`tallyho rebuild\`).`,
          );
        if (gone.rows > 0)
          say(
            `${counted(gone.rows, 'row')} more ${gone.rows === 1 ? 'is' : 'are'} quarantined and not in the file: of each chunk the first 100,000 are kept, and ${firstOf(gone.chunks, 'chunk')} ${gone.chunks.length === 1 ? 'is' : 'are'} not in the source any more as applied, or not read as then.`,
          );
        if (headless.length > 0)
          say(
            `The header of ${firstOf(headless, 'object')} could not be read (Parquet, or no longer as it was): these rows stand in _raw. Write the names of their columns behind _raw in the title line above them.`,
          );
      } finally {
        await engine.close();
        await source.close();
      }
    },
    async () => undefined,
  );
}

/** `a, b and 2 more objects` */
function firstOf(names: readonly string[], one: string): string {
  const rest = names.length - mostNamed;
  return `${listed(names.slice(0, mostNamed).map(printable))}${rest > 0 ? ` and ${counted(rest, `more ${one}`)}` : ''}`;
}
