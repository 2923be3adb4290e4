/** What every command gets: what was asked of the program as a whole. */
import type { Command } from 'commander';
import type { Env } from '../config/fill-in.ts';

export interface Call {
  /** `--config`; null where it was not given. */
  readonly configFile: string | null;
  readonly env: Env;
  /** Sets what the process ends with; 0 unless it is called. */
  exit(code: number): void;
}

/** Adds one command to the program. */
export type AddCommand = (program: Command, callOf: (command: Command) => Call) => void;

/** Lines behind `Examples:` in a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
