/** docs/performance.md, out of bench/results: figures with the command beside them, the peers, and what the changes brought. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Figure, numberText } from './lib/figure.ts';
import { isNoisy, machineText } from './lib/machine.ts';
import { type Result, readResult, resultPath } from './lib/result.ts';
import { peersTable } from './peers/table.ts';

const page = join(import.meta.dirname, '..', 'docs', 'performance.md');

const introduction = `# Performance

Made by \`npm run bench -- report\` from \`bench/results/\` and \`bench/changes.md\`; do not edit. Times depend on the machine and on who else uses it, so
nearly everything here is a ratio to a reference that was measured in the same run, in turns with what is compared: the
median, and in brackets the smallest and the largest of the runs.
`;

/** In this order; others follow. */
const order = ['catch-up', 'chunk', 'cohort', 'large', 'start', 'ranks', 'reader', 'listing'];

/** Without a bench here: measured once, on a quiet machine, with DuckDB's one-shot group-by at 0.14 s of wall and 0.24 s of CPU. */
const others = `These were measured once, on a quiet machine, on the same work:

| who | CPU x | wall x | one 10,000-row chunk at 100k / 1M / 5M pairs, s |
|---|---|---|---|
| PySpark batch and PostgreSQL | 465-505 | 407 | |
| Structured Streaming, foreachBatch and PostgreSQL | 464-523 | 441 | |
| Pathway | 126-130 | 166 | grows with the cohort |
| pandas and PostgreSQL, plain | 45-50 | 71 | |
| pandas and PostgreSQL, tuned | 27-32 | 43 | 0.13 / 2.5 / 14 |
| Polars, everything again | 26-29 | 25 | grows with the rows |
`;

/** Writes the page; its path. */
export async function writeReport(): Promise<string> {
  const names = (await readdir(dirname(resultPath('any'))))
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length));
  const results = (await Promise.all(names.toSorted(byPlace).map(readResult))).filter((result) => result !== null);
  const peers = results.find(({ bench }) => bench === 'peers');
  const changes = await readFile(join(import.meta.dirname, 'changes.md'), 'utf8');
  await writeFile(page, [introduction, ...results.map(chapter), peersChapter(peers), changes].join('\n'));
  return page;
}

function byPlace(a: string, b: string): number {
  const place = (bench: string): number => (order.includes(bench) ? order.indexOf(bench) : order.length);
  return place(a) - place(b) || (a < b ? -1 : 1);
}

export function chapter({ bench, command, takenAt, machine, method, sections }: Result): string {
  const tables = sections.map(({ title, figures }) =>
    [`**${title}**`, '', '| | median | range |', '|---|---|---|', ...figures.map(row), ''].join('\n'),
  );
  const noise = isNoisy(machine) ? ['Others were at work on this machine: the ratios of CPU say more than those of wall time.'] : [];
  const facts = [...method, ...noise, `Taken ${takenAt.slice(0, 10)} on ${machineText(machine).replaceAll('\n', '; ')}.`];
  return [`## ${bench}`, '', `\`${command}\``, '', ...facts, '', ...tables].join('\n');
}

function peersChapter(peers: Result | undefined): string {
  const measured =
    peers === undefined ? [] : [`Side by side in one run, \`${peers.command}\`: median (smallest-largest).`, '', peersTable(peers), ''];
  const same =
    "The 60 chunks of catch-up, exact detections after every chunk, durable state, as multiples of DuckDB's one-shot group-by over\nthe same rows.";
  return ['## Others on the same work', '', same, '', ...measured, others].join('\n');
}

function row({ what, unit, spread: { min, median, max, n } }: Figure): string {
  return `| ${what} | ${numberText(median)} ${unit} | ${n === 1 ? '' : `${numberText(min)} to ${numberText(max)}`} |`;
}
