/** Detections as CSV (DESIGN.md 6): RFC 4180, quoted only where it must be, UTF-8, LF. */

/** Columns of dimensions that have a fixed name and place; the others follow under their own. */
const fixed = ['YStartTime', 'detectionTime', 'patternId', 'actionType', 'customerName', 'merchantId'] as const;

/** Title of the column of a dimension. */
export function columnOf(dimension: string): string {
  return { customer: 'customerName', merchant: 'merchantId' }[dimension] ?? dimension;
}

export interface CsvRow {
  readonly patternId: string;
  readonly action: string;
  readonly entity: Readonly<Record<string, string>>;
}

/** The dimensions with a column of their own name, in the order of first declaration over the set of patterns. */
export function furtherDimensions(patterns: readonly { readonly entity: readonly string[] }[]): string[] {
  return [...new Set(patterns.flatMap(({ entity }) => entity))].filter((name) => name !== 'customer' && name !== 'merchant');
}

export function renderCsv(rows: readonly CsvRow[], further: readonly string[], startTime: string, detectionTime: string): string {
  let text = line([...fixed, ...further]);
  for (const { patternId, action, entity } of rows) {
    const values = ['customer', 'merchant', ...further].map((name) => (Object.hasOwn(entity, name) ? entity[name]! : ''));
    text += line([startTime, detectionTime, patternId, action, ...values]);
  }
  return text;
}

function line(fields: readonly string[]): string {
  return `${fields.map(field).join(',')}\n`;
}

function field(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
