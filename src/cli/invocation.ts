/** How this program was called, so that the commands that it suggests work as they stand. */
import { realpathSync } from 'node:fs';
import { basename, relative, resolve, sep } from 'node:path';

/** `tallyho`, `npx tallyho`, or `node bin/tallyho.js`. */
export function invocation(script = process.argv[1] ?? '', folder = process.cwd()): string {
  const path = resolve(script);
  if (path.includes(`${sep}.bin${sep}`) || path.includes(`${sep}_npx${sep}`)) return 'npx tallyho';
  if (basename(path) !== 'tallyho.js') return 'tallyho';
  return `node ${quoted(shown(path, folder))}`;
}

/** A path as it is typed in `folder`: relative where that is not longer. */
export function shown(path: string, folder = process.cwd()): string {
  const here = relative(real(folder), real(path));
  return here === '' ? '.' : here.length < path.length && !here.startsWith(`..${sep}..`) ? here : path;
}

/** For a shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
