/** What a bench leaves behind: bench/results/<name>.json, committed, from which docs/performance.md is made. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Figure, figureText } from './figure.ts';
import { isNoisy, type Machine, machineText } from './machine.ts';

export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
}

export interface Result {
  readonly bench: string;
  /** What to type for the same. */
  readonly command: string;
  readonly takenAt: string;
  readonly machine: Machine;
  /** What went in, and how it was measured, in sentences. */
  readonly method: readonly string[];
  readonly sections: readonly Section[];
  /** Single runs, for who wants to look closer. */
  readonly runs: readonly Readonly<Record<string, unknown>>[];
}

export function resultPath(bench: string): string {
  return join(import.meta.dirname, '..', 'results', `${bench}.json`);
}

export async function writeResult(result: Result): Promise<void> {
  const path = resultPath(result.bench);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
}

/** null where it never ran. */
export async function readResult(bench: string): Promise<Result | null> {
  const text = await readFile(resultPath(bench), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Result);
}

export function resultText({ machine, method, sections }: Result): string {
  return [
    machineText(machine),
    ...(isNoisy(machine) ? ['Others are at work on this machine: trust the ratios, and those of CPU more than those of wall time.'] : []),
    ...method,
    ...sections.flatMap(({ title, figures }) => ['', title, ...figures.map((figure) => `  ${figureText(figure)}`)]),
  ].join('\n');
}
