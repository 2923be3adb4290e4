/** The header of a CSV object: which column each needed field is in (DESIGN.md 4: names decide, exact, case-sensitive). */
import { isUtf8 } from 'node:buffer';
import type { Needs } from './reading.ts';
import { type Fields, makeFields, splitRecord } from './record.ts';

export interface Columns {
  /** Number of fields of the header, hence of every row. */
  readonly count: number;
  /** Dimension of the layout -> column; -1 for those that are not read. */
  readonly dimensions: Int32Array;
  /** -1 where none is read. */
  readonly amount: number;
  readonly weight: number;
}

/** The columns, or a sentence that says what is wrong. */
export type Header = { readonly columns: Columns } | { readonly fault: string };

const shown = 20;

function list(names: readonly string[]): string {
  const some = names.slice(0, shown).map((name) => JSON.stringify(name.slice(0, 80)));
  return some.join(', ') + (names.length > shown ? ` and ${names.length - shown} more` : '');
}

/** `column X`, `columns X, Y and Z`. */
function columnsOf(names: readonly string[]): string {
  return names.length === 1 ? `column ${names[0]}` : `columns ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** Finds the needed fields among the names of the columns, in order. */
export function bindColumns(names: readonly string[], needs: Needs, dimensionCount: number): Header {
  const missing: string[] = [];
  const twice: string[] = [];
  const find = (header: string, needed: boolean): number => {
    const at = names.indexOf(header);
    if (at < 0 && needed) {
      const near = names.find((name) => name.trim().toLowerCase() === header.toLowerCase());
      missing.push(`${JSON.stringify(header)}${near === undefined ? '' : ` (but ${JSON.stringify(near)}: names must match exactly)`}`);
    }
    if (at >= 0 && names.includes(header, at + 1)) twice.push(JSON.stringify(header));
    return at;
  };
  const dimensions = new Int32Array(dimensionCount).fill(-1);
  for (const dimension of needs.dimensions) dimensions[dimension.id] = find(dimension.header, true);
  const amount = needs.amount === null ? -1 : find(needs.amount, true);
  const weight = needs.weight === 'none' ? -1 : find(needs.weightHeader, needs.weight === 'column');
  const faults = [
    ...(missing.length === 0 ? [] : [`has no ${columnsOf(missing)}`]),
    ...(twice.length === 0 ? [] : [`has the ${columnsOf(twice)} twice`]),
  ];
  if (faults.length > 0) return { fault: `The header ${faults.join(' and ')}; it has ${list(names)}.` };
  return { columns: { count: names.length, dimensions, amount, weight } };
}

/** The header record bytes[start..end), without its line end. */
export function readHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
  quote: number,
  delimiter: number,
  needs: Needs,
  dimensionCount: number,
): Header {
  if (!isUtf8(bytes.subarray(start, end))) return { fault: 'The header is not UTF-8.' };
  const count = splitRecord(bytes, start, end, quote, delimiter, makeFields(0, end - start));
  const fields: Fields = makeFields(count, end - start);
  splitRecord(bytes, start, end, quote, delimiter, fields);
  const text = Buffer.from(fields.bytes.buffer, fields.bytes.byteOffset, fields.bytes.byteLength);
  const names = Array.from({ length: count }, (_, i) => text.toString('utf8', fields.starts[i], fields.ends[i]));
  return bindColumns(names, needs, dimensionCount);
}
