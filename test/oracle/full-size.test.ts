/**
 * Laws 1, 2 and 4 at full size: 594,643 rows in 60 chunks under preset `full`. After every chunk the detections equal those
 * of the SQL oracle over all rows so far; at the end the statistics do, whatever the order of the chunks and however the
 * rows are split into them (permutation and split invariance).
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { presets } from '../../src/patterns/presets.ts';
import { planLayout } from '../../src/patterns/plan.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { bankSimChunks, type ChunkFiles, writeChunks } from '../helpers/banksim-chunks.ts';
import { makeRandom } from '../helpers/dataset/random.ts';
import { makeOracle, type Oracle, type StatisticsRow } from '../helpers/oracle/oracle.ts';
import { testOptions, testPatterns } from '../helpers/pipeline.ts';
import { slowParse } from '../helpers/slow-parser/parse.ts';
import { readLedger, readStatistics } from '../helpers/store-readback.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const set = { patterns: presets.full, weight: 'amount' as const };
const patterns = testPatterns(set);
const layout = planLayout(patterns, { scale: 2, weight: 'amount' });

let server: TestServer;
let world: string;
let files: ChunkFiles;

beforeAll(async () => {
  server = await startTestServer();
  world = makeTempFolder('full');
  files = bankSimChunks({ seed: 7, chunkRows: 10_000 });
});
afterAll(async () => {
  await server.close();
  removeFolder(world);
});

/** Runs the pipeline over the chunks as named by their order, and gives what it kept. */
async function withStore<T>(name: string, chunks: ChunkFiles, use: (store: Store) => Promise<T>): Promise<T> {
  writeChunks(join(world, name), chunks);
  const store = await openPostgresStore({ connection: { url: await server.createDatabase() }, pipeline: 'full' });
  try {
    const options = testOptions({ name: 'full', store, source: join(world, name), sink: join(world, `${name}-output`), ...set });
    await runPipeline(options, { once: true, signal: new AbortController().signal });
    return await use(store);
  } finally {
    await store.close();
  }
}

describe('full size', () => {
  const statistics: StatisticsRow[][] = [];

  test('law 2: detections after every chunk are those of the oracle; law 1: so are the statistics', async () => {
    const oracle: Oracle = await makeOracle(patterns, { scale: 2, weight: 'amount', layout });
    try {
      await withStore('in-order', files, async (store) => {
        const ledger = await readLedger(store);
        expect(ledger.map(({ sequence, rows }) => [sequence, rows])).toEqual(files.chunks.map((_, i) => [i + 1, i < 59 ? 10_000 : 4643]));
        let detections = 0;
        for (const [i, bytes] of files.chunks.entries()) {
          const parsed = slowParse([{ object: 'chunk', bytes }], { layout, columns: {}, csv: { delimiter: ',', quote: 'auto' } });
          if (parsed.kind === 'fault') throw new Error('the chunk is not legal');
          await oracle.append(
            parsed.rows.map(({ dims, amount, weight }) => ({ dims: Object.fromEntries(dims), amount: amount ?? 0n, weight })),
          );
          const fresh = [...(await oracle.fresh())].flatMap(([id, entities]) => entities.map((values) => [id, ...values]));
          expect(sortedByText(ledger[i]?.detections ?? []), `detections of chunk ${i}`).toEqual(sortedByText(fresh));
          detections += fresh.length;
        }
        expect(detections).toBeGreaterThan(500);
        for (const [index, grain] of layout.grains.entries()) {
          const names = grain.dimensions.map((id) => layout.dimensions[id]?.name ?? '');
          const kept = await readStatistics(store, patterns, index);
          expect(kept, grain.name).toEqual(await oracle.statistics(names));
          statistics.push(kept);
        }
      });
    } finally {
      await oracle.close();
    }
  });

  test('law 1: the statistics do not depend on the order of the chunks', async () => {
    const chunks = makeRandom(1).shuffle(files.chunks);
    await withStore('shuffled', { ...files, chunks }, async (store) => {
      for (const index of layout.grains.keys()) expect(await readStatistics(store, patterns, index)).toEqual(statistics[index]);
    });
  });

  test('law 1: the statistics do not depend on how the rows are split into chunks', async () => {
    await withStore('split', bankSimChunks({ seed: 7, chunkRows: 37_777 }), async (store) => {
      for (const index of layout.grains.keys()) expect(await readStatistics(store, patterns, index)).toEqual(statistics[index]);
    });
  });
});

function sortedByText(rows: readonly (readonly string[])[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}
