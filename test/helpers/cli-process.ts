/** A command that runs while the test goes on: what it says is waited for, signals are sent to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');

export interface RunningCommand {
  readonly child: ChildProcess;
  /** All that was said on stdout and stderr so far. */
  said(): string;
  /** Resolves when the text has been said; fails when the command ends without it. */
  hears(text: string): Promise<void>;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export function startTallyho(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): RunningCommand {
  const child = spawn(process.execPath, [entry, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const wake = new Set<() => void>();
  let isOver = false;
  const hear = (data: Buffer): void => {
    said += data.toString();
    for (const call of wake) call();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => {
    isOver = true;
    for (const call of wake) call();
    return (code ?? signal) as number | NodeJS.Signals;
  });
  return {
    child,
    said: () => said,
    hears: (text) =>
      new Promise((done, fail) => {
        const look = (): void => {
          if (said.includes(text)) done();
          else if (isOver) fail(new Error(`it ended without saying "${text}":\n${said}`));
          else return;
          wake.delete(look);
        };
        wake.add(look);
        look();
      }),
    ended,
  };
}
