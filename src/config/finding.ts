/** What is wrong with a config: all of it is found before anything is said, each with its place and its mend. */
import { type ErrorCode, TallyhoError } from '../core/error.ts';
import { formatProblem, type Problem } from '../patterns/problem.ts';

export interface Finding extends Problem {
  readonly code: ErrorCode;
}

/** One error for all findings: the code that they share, or CONFIG_INVALID; one line each, in the order of the file. */
export function configError(findings: readonly Finding[]): TallyhoError {
  const [first] = findings;
  if (first === undefined) throw new TallyhoError('INTERNAL', 'configError without a finding');
  if (findings.length === 1) {
    const message = formatProblem({ ...first, suggestion: null });
    return new TallyhoError(first.code, message, first.suggestion === null ? {} : { mend: first.suggestion });
  }
  const code = findings.every((finding) => finding.code === first.code) ? first.code : 'CONFIG_INVALID';
  const sorted = findings.toSorted((a, b) => order(a.file, b.file) || a.line - b.line || a.column - b.column);
  return new TallyhoError(code, sorted.map(formatProblem).join('\n'));
}

function order(a: string | null, b: string | null): number {
  return a === b ? 0 : (a ?? '') < (b ?? '') ? -1 : 1;
}
