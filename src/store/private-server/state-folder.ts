/**
 * What lies where in the state folder, and whether it can be used at all.
 *
 *   server.lock        the lock file (lock.ts); never deleted
 *   server.json        where the running server is (door.ts); removed by a clean stop
 *   server.log(.1)     the server's log, bounded (server-log.ts)
 *   postgres/          made whole or not at all (make-data.ts)
 *     password         of the one role, mode 0600
 *     data/            PostgreSQL's data folder
 */
import { access, chmod, constants, mkdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TallyhoError } from '../../core/error.ts';

/** The major version belongs to the store's format: pinned, as are the binaries in package.json. */
export const serverMajor = 18;

export interface StateFolder {
  readonly root: string;
  readonly lock: string;
  readonly door: string;
  readonly log: string;
  readonly postgres: string;
  readonly password: string;
  readonly data: string;
}

/** `root` is absolute, without links: all processes must mean the same place by it. */
export function stateFolderAt(root: string): StateFolder {
  const postgres = join(root, 'postgres');
  return {
    root,
    lock: join(root, 'server.lock'),
    door: join(root, 'server.json'),
    log: join(root, 'server.log'),
    postgres,
    password: join(postgres, 'password'),
    data: join(postgres, 'data'),
  };
}

/** Makes the folder where it is missing. STATE_UNREACHABLE, STATE_FORMAT. */
export async function prepareStateFolder(root: string): Promise<StateFolder> {
  let folder: StateFolder;
  try {
    const firstMade = await mkdir(root, { recursive: true });
    // What root makes, the server's user must be able to pass, whatever the umask.
    if (firstMade !== undefined && process.geteuid?.() === 0) await openToOthers(root, firstMade);
    folder = stateFolderAt(await realpath(root));
    await access(folder.root, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TallyhoError('STATE_UNREACHABLE', `The state folder ${root} cannot be used: ${why}.`, {
      mend: 'Give another folder as `state`, or run as a user who may write there.',
      cause,
    });
  }
  await checkFormat(folder);
  return folder;
}

/** A data folder of another major version is left alone. No data folder is fine. STATE_FORMAT. */
export async function checkFormat(folder: StateFolder): Promise<void> {
  let version: string;
  try {
    version = (await readFile(join(folder.data, 'PG_VERSION'), 'utf8')).trim();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    throw new TallyhoError('STATE_UNREACHABLE', `The data in ${folder.data} cannot be read (${code ?? 'unknown error'}).`, {
      mend: 'Run as the user who made this state, or give another folder as `state`.',
      cause,
    });
  }
  if (version === String(serverMajor)) return;
  throw new TallyhoError(
    'STATE_FORMAT',
    `The state in ${folder.root} was written by PostgreSQL ${version}; this release of Tallyho runs PostgreSQL ${serverMajor}.`,
    {
      mend:
        'Run `tallyho state export FILE` with the Tallyho that wrote it, then `tallyho state import FILE` with this one ' +
        'and another folder as `state`.',
    },
  );
}

async function openToOthers(root: string, firstMade: string): Promise<void> {
  for (let at = root; ; at = dirname(at)) {
    await chmod(at, 0o755);
    if (at === firstMade || dirname(at) === at) return;
  }
}
