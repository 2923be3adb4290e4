/** What is wrong with a set of patterns, and where: found all at once, shown as a list. */
import { TallyhoError } from '../core/error.ts';
import { locate } from './position.ts';

/** Where a scalar of the config begins: line and column (from 1) of its first character, quotes and block signs included. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The scalar as it stands in the file (quotes, escapes, line breaks). Without it, its text is taken to stand there as it is. */
  readonly raw?: string;
}

export interface Problem {
  /** One sentence: what is wrong. Names the pattern where it has an id. */
  readonly message: string;
  /** null: the patterns came from no file; then line and column count within the text itself. */
  readonly file: string | null;
  readonly line: number;
  readonly column: number;
  /** One sentence: the mend. null where there is none to tell. */
  readonly suggestion: string | null;
}

/** A fault at an offset of some text whose place in the file is known to the caller. */
export interface Fault {
  readonly message: string;
  readonly at: number;
  readonly suggestion: string | null;
}

/** `text` is the value of the scalar at `origin`. */
export function makeProblem(fault: Fault, text: string, origin: Origin | null, context: string): Problem {
  const { line, column } = locate(text, fault.at, origin);
  const message = context === '' ? fault.message : `${context}: ${fault.message}`;
  return { message, file: origin?.file ?? null, line, column, suggestion: fault.suggestion };
}

/** `tallyho.yaml:14:7: PatId1: There is no field "merchnt". Did you mean "merchant"?` */
export function formatProblem(problem: Problem): string {
  const place = problem.file === null ? '' : `${problem.file}:${problem.line}:${problem.column}: `;
  return `${place}${problem.message}${problem.suggestion === null ? '' : ` ${problem.suggestion}`}`;
}

/** The error to throw for problems found: one line each. */
export function patternError(problems: readonly Problem[]): TallyhoError {
  return new TallyhoError('PATTERN_INVALID', problems.map(formatProblem).join('\n'));
}
