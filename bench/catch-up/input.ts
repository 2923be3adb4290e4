/** What catch-up reads: the BankSim-shaped data as 60 chunks, old enough to be settled, and as one file for the reference. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bankSimChunks, writeChunks } from '../../test/helpers/banksim-chunks.ts';

export interface Input {
  /** Folder with the chunks. */
  readonly chunks: string;
  /** An empty folder. */
  readonly nothing: string;
  /** The same rows. */
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  readonly count: number;
}

const seed = 1;
const chunkRows = 10_000;

/** `rows`: fewer than all, to try things out. */
export function makeInput(folder: string, rows?: number): Input {
  const made = bankSimChunks({ seed, chunkRows, ...(rows === undefined ? {} : { rows }) });
  const chunks = join(folder, 'input');
  const nothing = join(folder, 'nothing');
  const file = join(folder, 'transactions.csv');
  writeChunks(chunks, made);
  mkdirSync(nothing);
  const bodies = made.chunks.map((chunk) => chunk.subarray(made.header.length));
  writeFileSync(file, Buffer.concat([Buffer.from(made.header), ...bodies]));
  const count = bodies.reduce((sum, body) => sum + countLines(body), 0);
  return {
    chunks,
    nothing,
    file,
    rows: count,
    bytes: bodies.reduce((sum, body) => sum + body.length, made.header.length),
    count: bodies.length,
  };
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}
