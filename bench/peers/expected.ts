/** What every peer and Tallyho must find: the oracle of the tests, from scratch after every chunk. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { requirePatterns } from '../../src/patterns/parse.ts';
import { presets } from '../../src/patterns/presets.ts';
import type { OracleRow } from '../../test/helpers/oracle/database.ts';
import { makeOracle } from '../../test/helpers/oracle/oracle.ts';
import type { Detections } from './detections.ts';
import type { PresetName } from './programs/thresholds.ts';

const batchRows = 50_000;

/** Of the chunks of these names, in this order, in a folder. */
export async function expectedDetections(folder: string, names: readonly string[], preset: PresetName): Promise<Detections> {
  const oracle = await makeOracle(requirePatterns(presets[preset], { columns: [], weight: 'amount' }), { scale: 2, weight: 'amount' });
  const lines: string[] = [];
  try {
    for (const name of names) {
      for await (const rows of batchesOf(join(folder, name))) await oracle.append(rows);
      for (const [pattern, entities] of await oracle.fresh()) {
        lines.push(...entities.map(([merchant = '', customer = '']) => [name, pattern, customer, merchant].join(' ')));
      }
    }
  } finally {
    await oracle.close();
  }
  return lines.toSorted();
}

/** No field of this data holds a comma, a quote or a newline. In batches, because the base of a state is large. */
async function* batchesOf(path: string): AsyncGenerator<readonly OracleRow[]> {
  let columns: Map<string, number> | null = null;
  let rows: OracleRow[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const fields = line.replaceAll("'", '').split(',');
    if (columns === null) {
      columns = new Map(fields.map((name, i) => [name, i]));
      continue;
    }
    const at = columns;
    const field = (name: string): string => fields[at.get(name) ?? -1] ?? '';
    const cents = centsOf(field('amount'));
    rows.push({
      dims: { customer: field('customer'), merchant: field('merchant'), gender: field('gender') },
      amount: cents,
      weight: cents,
    });
    if (rows.length < batchRows) continue;
    yield rows;
    rows = [];
  }
  yield rows;
}

function centsOf(decimal: string): bigint {
  const [whole = '', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(2, '0'));
}
