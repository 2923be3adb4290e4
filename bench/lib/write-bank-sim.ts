/** BankSim-shaped rows as one file, however large, in bounded memory; old enough to be settled. */
import { closeSync, openSync, utimesSync, writeSync } from 'node:fs';
import { makeBankSim } from '../../src/generate/bank-sim.ts';

export function writeBankSim(path: string, rows: number): { readonly rows: number; readonly bytes: number } {
  const bank = makeBankSim({ seed: 1, rows });
  const file = openSync(path, 'w');
  let bytes = 0;
  try {
    for (const block of bank.csv()) bytes += writeSync(file, block);
  } finally {
    closeSync(file);
  }
  const past = new Date(Date.now() - 60_000);
  utimesSync(path, past, past);
  return { rows: bank.rows, bytes };
}
