/** What an engine owes to those who take rejected rows as they are found: of the ledger's there are at most 100,000 a chunk (PROTOCOL.md 2.5). */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ChunkVersion } from '../../src/objects/chunk.ts';
import type { RejectedRow, RejectedTaker } from '../../src/reader/rejected.ts';
import { header, preset, rowsOf } from './engine-contract-parts.ts';
import { parquetOf } from './engine-parquet.ts';
import { type EngineWorld, taskOf } from './engine-world.ts';

const half = 60_000;
const bad = 2 * half;
const from = 7;
const part = `${header}\nM,C,F,1,\n${'M,C,F,x,\n'.repeat(half)}`;
const text = `${part}M,C,F,1,\n${'M,C,F,x,\n'.repeat(half)}`;
const query = `select 'M' as merchant, 'C' as customer, 'F' as gender, case when i % ${half + 1} = 0 then '1' else 'x' end as amount,
  '' as weight from range(${bad + 2}) t(i)`;

const chunks: Readonly<Record<string, (world: EngineWorld) => Promise<ChunkVersion>>> = {
  'a CSV object': (world) => world.chunk('x.csv', text),
  'a gzip object': (world) => world.chunk('x.csv.gz', gzipSync(text)),
  'a folder': (world) =>
    world.folderChunk('x.csv', [
      ['part-1.csv', part],
      ['part-2.csv', part],
    ]),
  'a Parquet object': async (world) => world.chunk('x.parquet', await parquetOf(query)),
};

/** Notes what comes, and how much of it between two times of asking. */
function makeTaker(): RejectedTaker & { readonly numbers: number[]; readonly rows: RejectedRow[]; most: number } {
  let atOnce = 0;
  let isBusy = false;
  return {
    from,
    numbers: [],
    rows: [],
    most: 0,
    take(row, number) {
      if (isBusy) throw new Error('a row comes while there is no room');
      this.numbers.push(number);
      this.rows.push(row);
      this.most = Math.max(this.most, ++atOnce);
    },
    async room() {
      isBusy = true;
      await new Promise((resolve) => setImmediate(resolve));
      isBusy = false;
      atOnce = 0;
    },
  };
}

const told = (rows: readonly RejectedRow[]): string =>
  rows.map(({ object, line, reason, raw }) => `${object} ${line} ${reason} ${Buffer.from(raw).toString('latin1')}`).join('\n');

export function takenContract(current: () => EngineWorld): void {
  describe('PROTOCOL 2.5: all rejected rows are given to whoever takes them, a bounded number at a time', () => {
    test.each(Object.keys(chunks))('of %s', async (kind) => {
      const world = current();
      const chunk = await chunks[kind]!(world);
      const taker = makeTaker();
      const [taken, untaken] = await world.read([{ ...taskOf(chunk), taker }, taskOf(chunk)], preset);
      const found = rowsOf(taken!.outcome);
      expect(found).toMatchObject({ rows: bad + 2, rejectedRows: bad });
      expect(taker.numbers.length).toBe(bad - from);
      expect(taker.numbers.every((number, i) => number === from + i)).toBe(true);
      // The kept ones are among them, and are the same whether anybody takes or not.
      expect(found.rejected.length).toBe(100_000);
      expect(told(taker.rows.slice(0, 100_000 - from)) === told(found.rejected.slice(from))).toBe(true);
      expect(told(rowsOf(untaken!.outcome).rejected) === told(found.rejected)).toBe(true);
      expect(taker.rows.at(-1)).toMatchObject(
        chunk.folder ? { object: 'x.csv/part-2.csv', line: half + 2 } : { object: chunk.key, line: bad + 3 },
      );
      expect(taker.most).toBeLessThan(8_000);
    });

    test.each(Object.keys(chunks))('of %s, and what fails there ends the reading', async (kind) => {
      const world = current();
      const chunk = await chunks[kind]!(world);
      const full = new Error('no space left');
      const taker = { ...makeTaker(), room: async (): Promise<void> => Promise.reject(full) };
      await expect(world.read([{ ...taskOf(chunk), taker }], preset)).rejects.toBe(full);
      expect(taker.rows.length).toBeLessThan(8_000);
    });
  });
}
