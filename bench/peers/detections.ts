/** Detections as lines that can be compared: chunk, pattern, customer, merchant; from the files of a peer or of Tallyho. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Sorted; `chunk_3.csv PatId2 C12 M34`. */
export type Detections = readonly string[];

/** A file for each chunk, of its name. */
export function detectionsOfPeer(folder: string): Detections {
  return readdirSync(folder)
    .flatMap((name) => rowsOf(join(folder, name)).map((row) => `${name} ${row}`))
    .toSorted();
}

/** A folder for each entry of the ledger, which are the chunks of these names in this order, from 1. */
export function detectionsOfTallyho(folder: string, names: readonly string[]): Detections {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .flatMap((name) => {
      const sequence = /-(\d+)[\\/]detections-\d+\.csv$/.exec(name)?.[1];
      return sequence === undefined ? [] : rowsOf(join(folder, name)).map((row) => `${names[Number(sequence) - 1]} ${row}`);
    })
    .toSorted();
}

/** Refuses to go on where they are not the same. */
export function assertSame(who: string, found: Detections, expected: Detections): void {
  const known = new Set(expected);
  const own = new Set(found);
  const wrong = [
    ...found.filter((line) => !known.has(line)).map((line) => `  not expected: ${line}`),
    ...expected.filter((line) => !own.has(line)).map((line) => `  missing: ${line}`),
  ];
  if (wrong.length > 0 || found.length !== expected.length) {
    throw new Error(`${who}: ${found.length} detections, ${expected.length} expected\n${wrong.slice(0, 10).join('\n')}`);
  }
}

function rowsOf(path: string): string[] {
  const [, ...rows] = readFileSync(path, 'utf8').trimEnd().split('\n');
  return rows.map((row) => {
    const [, , pattern, , customer, merchant] = row.split(',');
    return [pattern, customer, merchant].join(' ');
  });
}
