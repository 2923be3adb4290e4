/**
 * docs/errors.md from the registry of codes. Without arguments it checks and fails on a difference; `--write`
 * (npm run fix) writes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errorCodes } from '../src/core/error.ts';

export const errorsPage = new URL('../docs/errors.md', import.meta.url);

const exits = {
  2: 'Wrong usage or config',
  3: 'Stopped by a bad chunk',
  4: 'Another detector',
  5: '`verify` found a difference',
  1: 'Failed',
} as const;

const mendedBy = { user: 'you', external: 'a service or the machine', internal: 'us: a bug' } as const;
const retries = { never: 'no', backoff: 'yes' } as const;

/** The whole page: one table for each exit code, codes in the order of the registry. */
export function renderErrors(codes: typeof errorCodes): string {
  const lines = [
    '# Errors',
    '',
    '<!-- Written by scripts/errors-doc.ts from src/core/error.ts: change it there, then `npm run fix`. -->',
    '',
    'Every failure has a code, says what happened, where, and the mend. Codes are never reused. Where *retried* says yes,',
    'the same attempt may succeed later, and a running detector tries again by itself.',
  ];
  for (const exit of [2, 3, 4, 5, 1] as const) {
    const rows = Object.entries(codes).filter(([, code]) => code.exit === exit);
    if (rows.length === 0) continue;
    lines.push('', `## ${exits[exit]} (exit code ${exit})`, '', '| code | what it means | mended by | retried |', '|---|---|---|---|');
    for (const [name, code] of rows) lines.push(`| \`${name}\` | ${code.about} | ${mendedBy[code.domain]} | ${retries[code.retry]} |`);
  }
  return `${lines.join('\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = renderErrors(errorCodes);
  if (process.argv.includes('--write')) {
    writeFileSync(errorsPage, wanted);
  } else if (readFileSync(errorsPage, 'utf8') !== wanted) {
    console.error('docs/errors.md differs from the registry in src/core/error.ts. Run: npm run fix');
    process.exitCode = 1;
  }
}
