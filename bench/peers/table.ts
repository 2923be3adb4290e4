/** The peers' table of docs/performance.md, out of the result of one run of peers; the figures that it looks for by their names. */
import { type Figure, numberText } from '../lib/figure.ts';
import type { Result } from '../lib/result.ts';

export const cpuFigure = 'CPU of all processes';
export const wallFigure = 'Wall';
export const memoryFigure = 'Peak memory, sum of all processes (shared memory counted in each)';

const chunkStart = 'One 10,000-row chunk, ';

export function chunkFigure(pairs: number): string {
  return `${chunkStart}${pairs.toLocaleString('en-US')} pairs`;
}

/** Lines of Markdown. */
export function peersTable({ sections }: Result): string {
  const who = sections.filter(({ figures }) => figures.some(({ what }) => what === cpuFigure));
  const chunks = [...new Set(who.flatMap(({ figures }) => figures.map(({ what }) => what)))].filter((what) => /^One .* pairs$/.test(what));
  const header = ['who', 'CPU x', 'wall x', 'peak memory, MB', ...chunks.map((what) => `${what.slice(chunkStart.length)}: one chunk, ms`)];
  const rows = who.map(({ title, figures }) => [
    title,
    ...[cpuFigure, wallFigure, memoryFigure, ...chunks].map((name) => cell(figures.find(({ what }) => what === name))),
  ]);
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function cell(figure: Figure | undefined): string {
  if (figure === undefined) return '';
  const { min, median, max, n } = figure.spread;
  return n === 1 ? numberText(median) : `${numberText(median)} (${numberText(min)}-${numberText(max)})`;
}
