/** Generates and writes, with a bar on a terminal. */
import { makeBankSim } from '../generate/bank-sim.ts';
import type { GenerateOptions } from '../generate/options.ts';
import { writeBankSim, type Written } from '../generate/write-bank-sim.ts';
import { type Bar, makeBar } from './bar.ts';

export interface WriteGenerated {
  readonly file: string;
  readonly reference?: string | undefined;
  readonly signal: AbortSignal;
  readonly isTerminal: boolean;
}

export interface Generated {
  readonly rows: number;
  readonly customers: number;
  readonly merchants: number;
  readonly written: readonly Written[];
  readonly ms: number;
}

export async function writeGenerated(
  options: GenerateOptions,
  { file, reference, signal, isTerminal }: WriteGenerated,
): Promise<Generated> {
  const started = performance.now();
  const bankSim = makeBankSim(options);
  const bar: Bar | null = isTerminal ? makeBar('  generating') : null;
  try {
    const { rows, customers, merchants } = bankSim;
    const written = await writeBankSim(bankSim, {
      file,
      ...(reference === undefined ? {} : { reference }),
      onProgress: (done, total) => bar?.update(done, total, 'rows'),
      signal,
    });
    return {
      rows,
      customers,
      merchants,
      written: [written.file, ...(written.reference === undefined ? [] : [written.reference])],
      ms: performance.now() - started,
    };
  } finally {
    bar?.end();
  }
}
