/**
 * An error as people read it: code, what happened and where, then the mend. A stack only for debugging, or of what must
 * be a bug.
 *
 *   error [CONFIG_MISSING]: There is no tallyho.yaml in /srv.
 *     Write one with `tallyho init`, or ...
 */
import { TallyhoError } from '../core/error.ts';

export function showError(error: unknown, debug: boolean): string {
  const known = error instanceof TallyhoError ? error : foreign(error);
  const [first = '', ...more] = known.message.split('\n');
  const lines =
    more.length === 0
      ? [`error [${known.code}]: ${first}`]
      : [`error [${known.code}]: ${more.length + 1} things are wrong:`, ...[first, ...more].map((line) => `  ${line}`)];
  if (known.mend !== undefined) lines.push(...known.mend.split('\n').map((line) => `  ${line}`));
  if (debug) lines.push('', ...stacks(error));
  return lines.join('\n');
}

/** Exit code of an error: what is no TallyhoError is a bug, and a failure. */
export function exitCodeOf(error: unknown): number {
  return error instanceof TallyhoError ? error.exit : 1;
}

function foreign(error: unknown): TallyhoError {
  const said = error instanceof Error ? `${error.name}: ${error.message}` : JSON.stringify(error);
  return new TallyhoError('INTERNAL', said.replaceAll('\n', ' '), {
    mend: 'This should not happen. Please report it, with what TALLYHO_DEBUG=1 in the environment adds to this message.',
    cause: error,
  });
}

/** The error and its causes. */
function stacks(error: unknown): string[] {
  const lines: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null; at = at instanceof Error ? at.cause : undefined) {
    const said = at instanceof Error ? (at.stack ?? at.message) : JSON.stringify(at);
    lines.push(`${lines.length === 0 ? '' : 'caused by: '}${said}`);
  }
  return lines;
}
