/** Writes backups and brings them back, with what people see of it. */
import { loadConfig } from '../config/load-config.ts';
import { TallyhoError } from '../core/error.ts';
import { readBackupFile, writeBackupFile } from '../store/backup/backup-file.ts';
import { BackupReader, type RowCounts, verifyBackup } from '../store/backup/format.ts';
import { exportState } from '../store/postgres/export-state.ts';
import { checkHeader, importState } from '../store/postgres/import-state.ts';
import type { Call } from './call.ts';
import { ask } from './confirm.ts';
import { catchInterruption } from './interruption.ts';
import { hasState } from './open-store.ts';
import { say, stdout } from './output.ts';
import { version } from './version.ts';
import { withAddress } from './with-address.ts';
import { counted, grouped, instant, lasting, sized } from './words.ts';

export async function runExport(file: string, force: boolean, call: Call): Promise<void> {
  const { store, pipeline } = await loadConfig(call.configFile, call.env);
  if (store.kind === 'private' && !(await hasState(store.folder))) throw absent(pipeline);
  await stoppable('Stopping: no backup is written.', call, async (signal) => {
    const started = performance.now();
    const { result, bytes } = await writeBackupFile(file, force, async (write) => {
      const exported = await withAddress(store, { signal }, (connection) =>
        exportState({
          connection,
          pipeline,
          release: version(),
          now: new Date(),
          write: async (piece) => {
            signal.throwIfAborted();
            await write(piece);
          },
        }),
      );
      if (exported === null) throw absent(pipeline);
      return exported;
    });
    const { header, rows } = result;
    await stdout.lines([
      `Wrote ${file} (${sized(bytes)}) in ${lasting(performance.now() - started)}: the pipeline ${pipeline} as of entry ${grouped(header.lastSequence)}, ${contents(rows)}.`,
    ]);
  });
}

export async function runImport(
  file: string,
  { replace, yes }: { readonly replace: boolean; readonly yes: boolean },
  call: Call,
): Promise<void> {
  const { store, pipeline, file: configFile } = await loadConfig(call.configFile, call.env);
  await stoppable('Stopping: the state stays as it was.', call, async (signal) => {
    const read = async function* (): AsyncGenerator<Uint8Array> {
      for await (const bytes of readBackupFile(file)) {
        signal.throwIfAborted();
        yield bytes;
      }
    };
    const started = performance.now();
    const header = await verifyBackup(read(), (found) => checkHeader(found, pipeline));
    if (replace && !yes)
      await confirmReplace(`The state of the pipeline ${pipeline} in ${configFile} is given up for that of ${header.at}. Go on?`);
    const rows = await withAddress(store, { signal, onProgress: say }, async (connection) =>
      importState({ connection, pipeline, backup: await BackupReader.open(read()), replace }),
    );
    await stdout.lines([
      `Imported ${file} in ${lasting(performance.now() - started)}: the pipeline ${pipeline} as it was at ${instant(new Date(header.at))}, entry ${grouped(header.lastSequence)}, ${contents(rows)}.`,
      '`tallyho run` goes on from there.',
    ]);
  });
}

function contents(rows: RowCounts): string {
  const of = (table: string): number => rows[table] ?? 0;
  return `${counted(of('chunk'), 'line')} in the ledger, ${counted(of('detection'), 'detection')}`;
}

async function confirmReplace(question: string): Promise<void> {
  const answer = await ask(question);
  if (answer === 'yes') return;
  throw new TallyhoError('USAGE', answer === 'no' ? 'Nothing was changed.' : 'Giving up a state is asked for on a terminal only.', {
    mend: 'Confirm with --replace --yes.',
  });
}

/** Ctrl-C ends it without having done anything, and that is a failure. */
async function stoppable(promise: string, call: Call, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interruption = catchInterruption(promise);
  try {
    await work(interruption.signal);
  } catch (error) {
    if (!interruption.stopped) throw error;
    say('Stopped as asked.');
    call.exit(1);
  } finally {
    interruption.end();
  }
}

function absent(pipeline: string): TallyhoError {
  return new TallyhoError('STATE_ABSENT', `The pipeline ${pipeline} has never run, so there is no state to back up.`, {
    mend: 'Check `pipeline`, `state` and `store` in the config.',
  });
}
