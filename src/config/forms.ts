/** Forms that several settings share: durations, sizes, choices, places, columns, secrets. */
import * as v from 'valibot';
import { nearest } from '../patterns/nearest.ts';
import { type Checked, isMapping, setting, type SettingSchema, text } from './setting.ts';
import { parseDuration, parseSize } from './units.ts';

export function duration(description: string, low = 0) {
  const mend = 'Write it like 500ms, 1s, 5m or 1h.';
  const schema = { type: ['string', 'integer'], pattern: '^(0|\\d+(\\.\\d+)?(ms|s|m|h|d))$', description };
  return setting<number>(schema, (value) => {
    if (typeof value === 'number' && value !== 0) return { is: 'has no unit.', mend };
    const ms = typeof value === 'string' || value === 0 ? parseDuration(String(value)) : null;
    if (ms === null) return { is: 'is no duration.', mend };
    // Timers hold 2^31 ms.
    return ms < low || ms > 2_147_483_647 ? { is: 'is out of range.', mend: `Write ${low}ms to 24d.` } : { value: ms };
  });
}

export function size(description: string, low: number, mend: string) {
  const schema = { type: ['string', 'integer'], pattern: '^\\d+(\\.\\d+)? ?([KMGT]i?B|B)?$', description };
  return setting<number>(schema, (value) => {
    const bytes = typeof value === 'string' || typeof value === 'number' ? parseSize(String(value)) : null;
    return bytes === null || bytes < low ? { is: 'is no size that can be used.', mend } : { value: bytes };
  });
}

export function choice<const T extends string>(values: readonly T[], description: string) {
  return setting<T>({ enum: values, description }, (value) => choose(value, values));
}

export function choose<T extends string>(value: unknown, values: readonly T[]): Checked<T> {
  const found = values.find((candidate) => candidate === value);
  if (found !== undefined) return { value: found };
  const near = typeof value === 'string' && value.length > 1 ? nearest(value, values) : null;
  const list = `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
  return {
    is: value === null ? 'has no value.' : 'is not understood.',
    mend: near === null ? `Write ${list}.` : `Did you mean "${near}"?`,
  };
}

/** Where something lies; `config` resolves it, because only there the folder of the file is known. */
export function place(description: string, example: string) {
  return setting<string>({ type: 'string', description }, (value) => text(value, `Write a folder or an s3:// URL, such as ${example}.`));
}

const columnsMend = 'Write it like columns: { customer: cust_id }, our name first.';

/** Our name -> header. The names are read here as a whole, because any name may stand there. */
export function columns(description: string, names?: readonly string[]) {
  const schema: SettingSchema = { type: 'object', additionalProperties: { type: 'string' }, description };
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, Readonly<Record<string, string>>>(({ dataset, addIssue, NEVER }) => {
      const { value } = dataset;
      if (!isMapping(value)) {
        addIssue({ message: JSON.stringify({ is: 'is no mapping.', mend: columnsMend }) });
        return NEVER;
      }
      const result: [string, string][] = [];
      for (const [name, header] of Object.entries(value)) {
        const checked = text(header, columnsMend);
        const fault = names === undefined || names.includes(name) ? ('value' in checked ? null : checked) : { known: names };
        if (fault === null && 'value' in checked) result.push([name, checked.value]);
        else
          addIssue({ message: JSON.stringify(fault), path: [{ type: 'object', origin: 'value', input: value, key: name, value: header }] });
      }
      return Object.fromEntries(result);
    }),
    v.metadata({ schema }),
  );
}

/** Credentials and the like: their text never appears in a message. */
export function secret(description: string) {
  return setting<string>({ type: 'string', pattern: '^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$', description }, (value) => {
    const checked = text(value, `Give it through the environment: \${NAME}.`);
    return 'value' in checked ? checked : { ...checked, secret: true };
  });
}

export const plainText = (description: string, mend: string) =>
  setting<string>({ type: 'string', description }, (value) => text(value, mend));

export const boolean = (description: string) =>
  setting<boolean>({ type: 'boolean', description }, (value) => {
    if (typeof value === 'boolean') return { value };
    return value === 'true' || value === 'false' ? { value: value === 'true' } : { is: 'is not understood.', mend: 'Write true or false.' };
  });
