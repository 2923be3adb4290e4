/**
 * How one setting is checked: a function from what the file says to a value or a fault, wrapped for valibot.
 *
 * valibot walks the settings and collects every fault with its path; the text of an issue carries ours as JSON until
 * `read-issues.ts` knows the place and the name of the setting. Each setting also says what it is in JSON Schema, so
 * that the schema that editors use is made from the same source.
 */
import * as v from 'valibot';

/** The sentence `NAME: WRITTEN is ...`, and the mend. */
export interface SettingFault {
  /** Goes on after the value: `is no duration.` */
  readonly is: string;
  readonly mend: string;
  /** Never show the value: it may hold a secret. */
  readonly secret?: boolean;
  /** Another code than CONFIG_INVALID. */
  readonly unsupported?: boolean;
}

export type Checked<T> = { readonly value: T } | SettingFault;

/** JSON Schema of a setting, description included. */
export type SettingSchema = Readonly<Record<string, unknown>>;

export interface UnknownKey {
  /** The names that there are. */
  readonly known: readonly string[];
}

export function setting<T>(schema: SettingSchema, check: (value: unknown) => Checked<T>) {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      const checked = check(dataset.value);
      if ('value' in checked) return checked.value;
      addIssue({ message: JSON.stringify(checked) });
      return NEVER;
    }),
    v.metadata({ schema }),
  );
}

type Entries = Record<string, v.GenericSchema>;

/** A mapping of settings; names that are not among them are refused. `shorthand`: the setting that a plain string stands for. */
export function section<const T extends Entries>(entries: T, description: string, shorthand?: string) {
  const unknown: UnknownKey = { known: Object.keys(entries) };
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, Record<string, unknown>>(({ dataset, addIssue, NEVER }) => {
      const { value } = dataset;
      if (isMapping(value)) return value;
      if (shorthand !== undefined && typeof value === 'string') return { [shorthand]: value };
      const fault: SettingFault = {
        is: value === null ? 'is empty.' : 'is no mapping of settings.',
        mend: `Settings here: ${unknown.known.join(', ')}.`,
      };
      addIssue({ message: JSON.stringify(fault) });
      return NEVER;
    }),
    v.objectWithRest(entries, v.never(JSON.stringify(unknown))),
    v.metadata({ entries, description, shorthand }),
  );
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Text, or a fault that says what else it is. YAML reads 12, true and null as other things than text. */
export function text(value: unknown, mend: string): Checked<string> {
  if (typeof value === 'string' && value !== '') return { value };
  if (value === null || value === undefined || value === '') return { is: 'has no value.', mend };
  if (typeof value === 'number' || typeof value === 'boolean')
    return { is: 'is not text.', mend: `Put it in quotes if it is meant. ${mend}` };
  return { is: `is ${Array.isArray(value) ? 'a list' : 'a mapping'}, not text.`, mend };
}

/** Numbers may come as text, from an environment variable. */
export function integer(value: unknown, low: number, high: number): Checked<number> {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= low && number <= high) return { value: number };
  return { is: value === null ? 'is empty.' : 'cannot be used.', mend: `Write a whole number from ${low} to ${high}.` };
}
