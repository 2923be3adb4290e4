/** Source, sink and state are folders, there or still to be made. A file under such a name is no failure that passes. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TallyhoError } from '../core/error.ts';
import type { Places } from '../objects/assert-apart.ts';

export async function assertFolders({ source, sink, state }: Places): Promise<void> {
  if (source.kind === 'file') await assertFolder('source', source.path, 'source.url');
  if (sink.kind === 'file') await assertFolder('sink', sink.path, 'sink.url');
  if (state !== null) await assertFolder('state', state, 'state');
}

/** CONFIG_INVALID where the path, or what is above it, is a file. What cannot be looked at fails when it is opened. */
export async function assertFolder(name: string, path: string, setting: string): Promise<void> {
  for (let at = path; ; at = dirname(at)) {
    const found = await look(at);
    if (found === 'file') {
      const what =
        at === path ? `The ${name} ${path} is a file, not a folder.` : `The ${name} ${path} cannot be: ${at} is a file, not a folder.`;
      throw new TallyhoError('CONFIG_INVALID', what, { mend: `Name a folder as ${setting} in the config.` });
    }
    if (found === 'other' || at === dirname(at)) return;
  }
}

async function look(path: string): Promise<'file' | 'below a file' | 'other'> {
  try {
    return (await stat(path)).isDirectory() ? 'other' : 'file';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? 'below a file' : 'other';
  }
}
