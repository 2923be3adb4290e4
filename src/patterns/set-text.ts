/**
 * A set of patterns as the store keeps it: JSON with fixed key order, conditions as they were written.
 *
 * Read back without the checks of names and weights: a set that was in force stays readable when the config's `columns`
 * or weights have changed since.
 */
import { TallyhoError } from '../core/error.ts';
import { parseCondition } from './parse-condition.ts';
import { type Pattern, toSource } from './pattern.ts';

const version = 1;

export function setText(patterns: readonly Pattern[]): string {
  return JSON.stringify({ version, patterns: patterns.map(toSource) });
}

function unreadable(cause?: unknown): TallyhoError {
  return new TallyhoError('STORE_SCHEMA', 'A set of patterns in the database cannot be read.', {
    mend: 'It was written by a newer release: use that one.',
    cause,
  });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function readPattern(value: unknown): Pattern {
  if (typeof value !== 'object' || value === null) throw unreadable();
  const { id, action, entity, when } = value as Record<string, unknown>;
  if (typeof id !== 'string' || typeof action !== 'string' || !isTexts(entity) || !isTexts(when)) throw unreadable();
  const conditions = when.map((text) => {
    const { node, fault } = parseCondition(text);
    if (node === null) throw unreadable(new Error(`${text}: ${fault.message}`));
    return { text, node };
  });
  return { id, action, entity, conditions };
}

/** The set of `setText`; STORE_SCHEMA if it is none. */
export function parseSetText(text: string): readonly Pattern[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(error);
  }
  const set = value as { version?: unknown; patterns?: unknown } | null;
  if (set?.version !== version || !Array.isArray(set.patterns)) throw unreadable();
  return set.patterns.map(readPattern);
}
