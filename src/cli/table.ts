/** Aligned columns, from rows that may come page by page: the widths are those of the first page, and grow when they must. */
import { grouped } from './words.ts';

export interface Column {
  readonly title: string;
  /** Numbers to the right. */
  readonly right?: boolean;
}

export type Cell = string | number | null;

export interface Table {
  /** Lines without their ends; the first call begins with the titles. */
  rows(cells: readonly (readonly Cell[])[]): string[];
}

export function makeTable(columns: readonly Column[], indent = ''): Table {
  const widths = columns.map(({ title }) => title.length);
  let begun = false;

  function line(texts: readonly string[]): string {
    const padded = texts.map((text, i) => {
      const gap = ' '.repeat(Math.max(0, (widths[i] ?? 0) - lengthOf(text)));
      return columns[i]?.right === true ? gap + text : text + gap;
    });
    return `${indent}${padded.join('  ')}`.trimEnd();
  }

  return {
    rows(cells) {
      const texts = cells.map((row) => row.map((cell) => (typeof cell === 'number' ? grouped(cell) : (cell ?? ''))));
      for (const row of texts) row.forEach((text, i) => (widths[i] = Math.max(widths[i] ?? 0, lengthOf(text))));
      const lines = texts.map(line);
      if (begun) return lines;
      begun = true;
      return [line(columns.map(({ title }) => title)), ...lines];
    },
  };
}

/** Two columns without titles: `  name   value`. */
export function pairs(rows: readonly (readonly [name: string, value: string])[], indent = '  '): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${indent}${name.padEnd(width)}  ${value}`.trimEnd());
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}
