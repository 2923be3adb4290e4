/**
 * Results as people read them: one line a check, wrapped under itself where the terminal is narrow, the mend below.
 *
 *   ok       source    /srv/input/: 60 chunks; chunk_0.csv (12.3 kB) can be read
 *   failed   sink      ...
 *                      -> what to do
 */
import { counted } from '../words.ts';
import type { Result } from './check.ts';

export interface Style {
  readonly width: number;
  readonly color: boolean;
}

const colors = { ok: 32, warning: 33, failed: 31, skipped: 90 } as const;
const stateWidth = 7;
const nameWidth = 15;
const indent = 2 + stateWidth + 2 + nameWidth + 2;
/** Narrower than this, wrapping does not help. */
const leastText = 40;

export function resultLines({ check, state, found, mend }: Result, { width, color }: Style): string[] {
  const paint = (text: string): string => (color ? `\u001b[${colors[state]}m${text}\u001b[0m` : text);
  const room = Math.max(leastText, width - indent);
  const [first = '', ...more] = wrapped(found, room);
  const mends = mend === null ? [] : wrapped(mend, room - 3).map((line, i) => `${i === 0 ? '-> ' : '   '}${line}`);
  return [
    `  ${paint(state.padEnd(stateWidth))}  ${check.padEnd(nameWidth)}  ${first}`,
    ...[...more, ...mends].map((line) => `${' '.repeat(indent)}${line}`),
  ];
}

export function closingLine(results: readonly Result[]): string {
  const count = (state: Result['state']): number => results.filter((result) => result.state === state).length;
  const [failed, warnings, skipped] = [count('failed'), count('warning'), count('skipped')];
  const parts = [
    ...(failed > 0 ? [`${counted(failed, 'check')} failed`] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
    ...(skipped > 0 ? [`${counted(skipped, 'check')} could not be made`] : []),
  ];
  return parts.length === 0 ? 'All is well.' : failed === 0 ? `Nothing failed; ${parts.join(', ')}.` : `${parts.join(', ')}.`;
}

/** At spaces; a word that is longer than a line stays whole, so that it can be copied. */
function wrapped(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    return [...lines, line];
  });
}
