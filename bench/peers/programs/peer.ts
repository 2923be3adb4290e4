/**
 * What all peers share: the chunks of a folder in order, each in one transaction, its detections as a CSV file.
 *
 * A peer owes: after every chunk exactly those entities for which a pattern holds over all rows so far and which it has
 * not detected before; its state survives a crash; a chunk that was applied is not applied again. The file is written
 * and synced before the commit: a crash between the two applies the chunk again and writes the same rows again.
 *
 * What Tallyho does besides, and no peer: evidence, quarantine of bad rows, recognising changed and doubled chunks,
 * files that appear after the commit only, other patterns than these three.
 *
 *   node <peer>.js --input FOLDER --output FOLDER --state FILE|URL [--preset full|sample]
 *
 * One line of JSON for each chunk goes to standard output (`ChunkLine`).
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { actions, type PresetName, type Thresholds, thresholds } from './thresholds.ts';

export interface Detection {
  readonly pattern: string;
  readonly merchant: string;
  /** Empty where the entity is a merchant. */
  readonly customer: string;
}

export interface Chunk {
  /** The name of its file. */
  readonly name: string;
  readonly path: string;
}

export interface Peer {
  /** Names of the chunks in the state. */
  applied(): Promise<readonly string[]>;
  /** In one transaction; `write` is called within it, with what the chunk made true. */
  apply(chunk: Chunk, write: (detections: readonly Detection[]) => void): Promise<void>;
  close(): Promise<void>;
}

export type OpenPeer = (state: string, thresholds: Thresholds) => Promise<Peer>;

export interface ChunkLine {
  readonly chunk: string;
  readonly detections: number;
  /** From the file of the chunk to the end of its commit. */
  readonly ms: number;
}

export async function runPeer(open: OpenPeer): Promise<void> {
  const { values } = parseArgs({
    options: {
      input: { type: 'string' },
      output: { type: 'string' },
      state: { type: 'string' },
      preset: { type: 'string', default: 'full' },
    },
  });
  const { input, output, state, preset } = values;
  if (input === undefined || output === undefined || state === undefined || !(preset in thresholds)) {
    throw new Error('usage: --input FOLDER --output FOLDER --state FILE|URL [--preset full|sample]');
  }
  mkdirSync(output, { recursive: true });
  const startedAt = new Date();
  const peer = await open(state, thresholds[preset as PresetName]);
  try {
    const applied = new Set(await peer.applied());
    for (const name of chunkNames(input)) {
      if (applied.has(name)) continue;
      const started = performance.now();
      let found = 0;
      await peer.apply({ name, path: join(resolve(input), name) }, (detections) => {
        found = detections.length;
        if (found > 0) writeDetections(output, name, startedAt, detections);
      });
      const line: ChunkLine = { chunk: name, detections: found, ms: performance.now() - started };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
  } finally {
    await peer.close();
  }
}

/** By name and number: chunk_2.csv before chunk_10.csv. */
function chunkNames(folder: string): string[] {
  const byNumber = new Intl.Collator('en', { numeric: true });
  return readdirSync(folder)
    .filter((name) => name.endsWith('.csv'))
    .toSorted((a, b) => byNumber.compare(a, b));
}

/** The columns of Tallyho's files; ids need no quotes here. */
function writeDetections(folder: string, chunk: string, startedAt: Date, detections: readonly Detection[]): void {
  const times = [startedAt, new Date()].map((time) => time.toISOString().replace('T', ' ').replace('Z', '')).join(',');
  const rows = detections
    .toSorted((a, b) => compare(a.pattern, b.pattern) || compare(a.merchant, b.merchant) || compare(a.customer, b.customer))
    .map(({ pattern, merchant, customer }) => `${times},${pattern},${actions[pattern] ?? ''},${customer},${merchant}\n`);
  const file = openSync(join(folder, chunk), 'w');
  writeSync(file, `YStartTime,detectionTime,patternId,actionType,customerName,merchantId\n${rows.join('')}`);
  fsyncSync(file);
  closeSync(file);
  const parent = openSync(folder, 'r');
  fsyncSync(parent);
  closeSync(parent);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
