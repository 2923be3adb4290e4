/** Writes rows as CSV in one of the dialects of DESIGN.md 4. */
import type { Random } from './random.ts';
import { columns, type Row, type RowSettings } from './rows.ts';

export interface Dialect {
  readonly quote: '"' | "'";
  /** Quote all text fields, or only those that need it. */
  readonly quoteAll: boolean;
  readonly newline: '\n' | '\r\n' | 'mixed';
  readonly bom: boolean;
  readonly blankLines: boolean;
  readonly finalNewline: boolean;
  readonly header: readonly string[];
  readonly quotedHeader: boolean;
  readonly delimiter: string;
}

export function makeDialect(random: Random, settings: RowSettings, delimiter: string): Dialect {
  let header: string[] = [...columns];
  if (settings.weights !== null) header.push('weight');
  if (random.chance(0.2)) header = random.shuffle(header);
  if (random.chance(0.1)) header.push('extra', 'extra');
  if (random.chance(0.1)) header = header.filter((name) => name !== 'age' && name !== 'zipMerchant');
  return {
    quote: random.pick(['"', "'"]),
    quoteAll: random.chance(0.6),
    newline: random.pick(['\n', '\n', '\r\n', 'mixed']),
    bom: random.chance(0.15),
    blankLines: random.chance(0.15),
    finalNewline: random.chance(0.8),
    header,
    quotedHeader: random.chance(0.3),
    delimiter,
  };
}

export function writeCsv(random: Random, dialect: Dialect, rows: readonly Row[]): Buffer {
  const { quote, delimiter } = dialect;
  const newline = (): string => (dialect.newline === 'mixed' ? random.pick(['\n', '\r\n']) : dialect.newline);
  const quoted = (value: string): string => quote + value.replaceAll(quote, quote + quote) + quote;
  const field = (name: string, value: string): string => {
    const needs = value.includes(delimiter) || value.includes('\n') || value.startsWith(quote) || value.endsWith('\r');
    const always = dialect.quoteAll && name !== 'step' && name !== 'amount' && name !== 'fraud' && name !== 'weight';
    return needs || always || random.chance(0.02) ? quoted(value) : value;
  };
  const parts: Buffer[] = [];
  const push = (text: string): void => void parts.push(Buffer.from(text));
  if (dialect.bom) push('\ufeff');
  if (dialect.blankLines && random.chance(0.5)) push(newline());
  push(dialect.header.map((name) => (dialect.quotedHeader ? quoted(name) : name)).join(delimiter));
  rows.forEach((row) => {
    push(newline());
    if (dialect.blankLines && random.chance(0.1)) push(newline());
    const fields = dialect.header.map((name) => field(name, row.values[name] ?? 'x'));
    if (row.broken === 'fewer') fields.pop();
    if (row.broken === 'more') fields.push('9');
    const text = fields.join(delimiter);
    if (row.broken === 'encoding' || row.broken === 'nul') {
      // Behind the first delimiter: inside the record, wherever that is.
      const at = text.indexOf(delimiter) + 1;
      push(text.slice(0, at));
      parts.push(Buffer.from(row.broken === 'nul' ? [0] : random.pick([[0xff], [0xc3], [0xed, 0xa0, 0x80]])));
      push(text.slice(at));
    } else {
      push(text);
    }
  });
  if (dialect.finalNewline) push(newline());
  return Buffer.concat(parts);
}
