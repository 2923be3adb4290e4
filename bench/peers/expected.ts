/** What every peer and Tallyho must find: the oracle of the tests, from scratch after every chunk. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requirePatterns } from '../../src/patterns/parse.ts';
import { presets } from '../../src/patterns/presets.ts';
import type { OracleRow } from '../../test/helpers/oracle/database.ts';
import { makeOracle } from '../../test/helpers/oracle/oracle.ts';
import type { Detections } from './detections.ts';
import type { PresetName } from './programs/thresholds.ts';

/** Of chunk_0.csv, chunk_1.csv, ... in a folder. */
export async function expectedDetections(folder: string, chunks: number, preset: PresetName): Promise<Detections> {
  const oracle = await makeOracle(requirePatterns(presets[preset], { columns: [], weight: 'amount' }), { scale: 2, weight: 'amount' });
  const lines: string[] = [];
  try {
    for (let i = 0; i < chunks; i++) {
      const name = `chunk_${i}.csv`;
      await oracle.append(rowsOf(readFileSync(join(folder, name), 'utf8')));
      for (const [pattern, entities] of await oracle.fresh()) {
        lines.push(...entities.map(([merchant = '', customer = '']) => [name, pattern, customer, merchant].join(' ')));
      }
    }
  } finally {
    await oracle.close();
  }
  return lines.toSorted();
}

/** No field of this data holds a comma, a quote or a newline. */
function rowsOf(text: string): OracleRow[] {
  const [header = '', ...lines] = text.replaceAll("'", '').trimEnd().split('\n');
  const at = (name: string): number => header.split(',').indexOf(name);
  const [customer, merchant, gender, amount] = [at('customer'), at('merchant'), at('gender'), at('amount')];
  return lines.map((line) => {
    const fields = line.split(',');
    const cents = centsOf(fields[amount] ?? '');
    const dims = { customer: fields[customer] ?? '', merchant: fields[merchant] ?? '', gender: fields[gender] ?? '' };
    return { dims, amount: cents, weight: cents };
  });
}

function centsOf(decimal: string): bigint {
  const [whole = '', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(2, '0'));
}
