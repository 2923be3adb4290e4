/** The BankSim-shaped file as chunks in a folder, made once a test run and copied by whoever needs it. */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBankSim } from '../../src/generate/bank-sim.ts';

export interface ChunkFiles {
  readonly header: string;
  /** Each with the header, in order. */
  readonly chunks: readonly Buffer[];
}

export function bankSimChunks(options: { readonly seed: number; readonly rows?: number; readonly chunkRows: number }): ChunkFiles {
  const bank = makeBankSim({ seed: options.seed, ...(options.rows === undefined ? {} : { rows: options.rows }) });
  const bytes = Buffer.concat([...bank.csv()]);
  const headerEnd = bytes.indexOf(10) + 1;
  const header = bytes.subarray(0, headerEnd);
  const chunks: Buffer[] = [];
  let start = headerEnd;
  while (start < bytes.length) {
    let end = start;
    for (let row = 0; row < options.chunkRows && end < bytes.length; row++) end = bytes.indexOf(10, end) + 1;
    chunks.push(Buffer.concat([header, bytes.subarray(start, end)]));
    start = end;
  }
  return { header: header.toString(), chunks };
}

/** Writes them as chunk_0.csv, chunk_1.csv, ... of an age at which files are settled. */
export function writeChunks(folder: string, { chunks }: ChunkFiles): void {
  mkdirSync(folder, { recursive: true });
  const past = new Date(Date.now() - 60_000);
  chunks.forEach((bytes, i) => {
    const path = join(folder, `chunk_${i}.csv`);
    writeFileSync(path, bytes);
    utimesSync(path, past, past);
  });
}
