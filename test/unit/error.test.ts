import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { errorsPage, renderErrors } from '../../scripts/errors-doc.ts';
import { assertLaw, type ErrorCode, errorCodes, TallyhoError } from '../../src/core/error.ts';

describe('the registry of errors', () => {
  const page = readFileSync(errorsPage, 'utf8');

  test('is what docs/errors.md says', () => {
    expect(page).toBe(renderErrors(errorCodes));
  });

  test('and the page name the same codes, each once', () => {
    const named = [...page.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map((match) => match[1] ?? '');
    expect(named.toSorted()).toEqual(Object.keys(errorCodes).toSorted());
  });

  test('describes each code in a sentence that fits a table cell', () => {
    for (const [code, { about }] of Object.entries(errorCodes)) expect(about, code).toMatch(/^[A-Z`][^|\n]*\.$/);
  });
});

describe('an error', () => {
  test('carries code, mend, cause, and what the registry knows of its code', () => {
    const cause = new Error('ECONNREFUSED');
    const error = new TallyhoError('STORE_UNREACHABLE', 'no answer from 127.0.0.1:5432', { mend: 'Start it.', cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'TallyhoError',
      code: 'STORE_UNREACHABLE',
      message: 'no answer from 127.0.0.1:5432',
      mend: 'Start it.',
      cause,
    });
    expect([error.domain, error.retry, error.exit]).toEqual(['external', 'backoff', 1]);
  });

  test('without a cause has none', () => {
    expect('cause' in new TallyhoError('USAGE' satisfies ErrorCode, 'unknown command')).toBe(false);
  });

  test('of a broken law is internal', () => {
    expect(() => assertLaw(false, 'conservation')).toThrowError(
      expect.objectContaining({ code: 'INTERNAL', message: 'broken law: conservation' }),
    );
    expect(() => assertLaw(true, 'conservation')).not.toThrow();
  });
});
