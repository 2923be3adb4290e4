/** What commander says about a wrong command line, as an error of ours: what is wrong, and the mend. */
import type { CommanderError } from 'commander';
import { TallyhoError } from '../core/error.ts';

/** Commands that are known and come with a later release. */
const planned = ['verify', 'export', 'backtest', 'doctor', 'ui', 'state'];

/** `help`: the command that explains, such as `tallyho feed --help`. */
export function usageError(error: CommanderError, help: string): TallyhoError {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const command = /^unknown command '(.*)'$/.exec(first)?.[1];
  if (command !== undefined && planned.includes(command)) {
    return new TallyhoError('UNSUPPORTED', `\`tallyho ${command}\` comes with a later release.`, { mend: `What there is: \`${help}\`.` });
  }
  const message = `${first.charAt(0).toUpperCase()}${first.slice(1)}`;
  const suggestion = /^\((.*)\)$/.exec(rest.join(' ').trim())?.[1];
  const mend = suggestion ?? `See \`${help}\`.`;
  return new TallyhoError('USAGE', /[.!?]$/.test(message) ? message : `${message}.`, { mend, cause: error });
}
