/** Writes a new config, checks it by loading it, and says what to do next. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { defaultFile, loadConfig } from '../config/load-config.ts';
import type { Env } from '../config/fill-in.ts';
import { TallyhoError } from '../core/error.ts';
import { configTemplate, schemaFrom } from './config-template.ts';
import { invocation, quoted, shown } from './invocation.ts';
import { stateFor } from './reachable-state.ts';

export interface WriteConfigOptions {
  readonly source: string;
  readonly sink: string;
  readonly patterns: string;
  readonly force?: boolean;
}

export async function writeConfig(file: string | null, options: WriteConfigOptions, env: Env): Promise<string[]> {
  const path = resolve(file ?? defaultFile);
  const folder = dirname(path);
  const text = configTemplate({
    pipeline: pipelineName(path),
    source: options.source,
    sink: options.sink,
    patterns: options.patterns,
    state: await stateFor(folder),
    settle: null,
    poll: null,
    timeZone: 'Asia/Kolkata',
    schema: schemaFrom(folder),
  });
  await write(path, text, options.force === true);
  const config = await loadConfig(file, env).catch(async (error: unknown) => {
    // What does not load is not left behind; a file that was overwritten on purpose is gone either way.
    await rm(path, { force: true });
    throw error;
  });
  const made: string[] = [];
  const { location } = config.source;
  if (location.kind === 'file' && !(await isThere(location.path))) {
    await mkdir(location.path, { recursive: true });
    made.push(`Made the source folder ${shown(location.path)}/.`);
  }
  const tallyho = invocation();
  const flag = file === null ? '' : ` --config ${quoted(shown(path))}`;
  return [
    `Wrote ${shown(path)}.`,
    ...made,
    '',
    'Next:',
    `  put chunks into ${config.source.url}, or make some:`,
    `    ${tallyho} generate transactions.csv${options.patterns === 'sample' ? ' --rows 1000' : ''}`,
    `    ${tallyho} feed transactions.csv${options.patterns === 'sample' ? ' --rows 200' : ''} --every 0${flag}`,
    `  ${tallyho} run --once${flag}`,
  ];
}

/** Two configs in one folder share the state, so they must not share the pipeline. */
function pipelineName(path: string): string {
  const name = basename(path)
    .replace(/\.ya?ml$/i, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '_')
    .replace(/^(?![a-z])/, 'p_');
  return /^(pg_|public$|information_schema$)/.test(name) ? 'tallyho' : name.slice(0, 50);
}

async function write(path: string, text: string, force: boolean): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new TallyhoError('USAGE', `${shown(path)} is there already.`, {
        mend: 'Overwrite it with --force, or name another file with --config.',
        cause: error,
      });
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new TallyhoError('USAGE', `${shown(path)} cannot be written: ${why}.`, {
      mend: 'Name another file with --config.',
      cause: error,
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
