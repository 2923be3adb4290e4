/** A fresh numbered folder: here, or where the private server's user can reach it and this user can write. */
import { chmod, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TallyhoError } from '../core/error.ts';
import { isReachableState } from './reachable-state.ts';

export interface DemoFolder {
  /** Absolute. */
  readonly path: string;
  /** Why it is not in the current folder; null if it is. */
  readonly elsewhere: string | null;
}

export async function makeDemoFolder(here = process.cwd()): Promise<DemoFolder> {
  const reachable = await isReachableState(here);
  const path = reachable ? await makeNumbered(here, 'demo') : null;
  if (path !== null) return { path, elsewhere: null };
  const elsewhere = reachable
    ? `${here} cannot be written`
    : `this is root, PostgreSQL runs as another user, and that user cannot reach ${here}`;
  const other = await makeNumbered(tmpdir(), 'tallyho-demo');
  if (other === null) {
    throw new TallyhoError('STATE_UNREACHABLE', `Neither ${here} nor ${tmpdir()} can hold the demo.`, {
      mend: 'Go to a folder that you may write to.',
    });
  }
  return { path: other, elsewhere };
}

/** null where the folder around it may not be written. */
async function makeNumbered(around: string, name: string): Promise<string | null> {
  for (let n = 1; ; n++) {
    const path = join(around, `${name}-${n}`);
    try {
      await mkdir(path);
      // Whatever the umask: the server's user has to pass.
      if (process.geteuid?.() === 0) await chmod(path, 0o755);
      return path;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return null;
      throw error;
    }
  }
}
