/**
 * Law 7 from the chunk to its commit: what a chunk costs does not depend on the history. The same chunk on a small state and
 * on a large one: entities touched, members moved, ranks asked for, bytes and statements sent to PostgreSQL.
 */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Detector } from '../../src/core/detector.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store, Writer } from '../../src/store/store.ts';
import { testOptions } from '../helpers/pipeline.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';
import { countWire } from '../helpers/wire.ts';
import { withMethods } from '../helpers/with-methods.ts';

const wire = countWire();
let server: TestServer;
let folder: string;

beforeAll(async () => {
  // The client names its statements by it, and their names are among the bytes.
  vi.spyOn(Math, 'random').mockReturnValue(0.123456789);
  server = await startTestServer();
  folder = makeTempFolder('work');
});
afterAll(async () => {
  await server.close();
  removeFolder(folder);
  vi.restoreAllMocks();
});

interface Cost {
  readonly statements: number;
  readonly bytes: number;
  readonly deltaBytes: number;
  readonly work: Detector['work'];
}

const patterns = [
  { id: 'Often', action: 'UPGRADE', entity: ['merchant', 'customer'], when: ['merchant.count > 100', 'count in top 10% of merchant'] },
  { id: 'Eight', action: 'LOOK', entity: ['merchant', 'customer'], when: ['count >= 8'] },
];

function csvOf(visits: readonly (readonly [customer: string, times: number])[]): string {
  const rows = visits.flatMap(([customer, times]) => Array.from({ length: times }, () => `M1,${customer}`));
  return `merchant,customer\n${rows.join('\n')}\n`;
}

/** Ten of n customers come once more; one of them is detected. */
async function costOn(n: number): Promise<Cost> {
  const source = join(folder, `source-${n}`);
  mkdirSync(source);
  const put = (name: string, text: string): void => {
    writeFileSync(join(source, name), text);
    utimesSync(join(source, name), new Date(0), new Date(0));
  };
  const customers = Array.from({ length: n }, (_, i) => [`C${i}`, i === 0 ? 7 : 1 + (i % 5)] as const);
  put('first.csv', csvOf(customers));
  const store = await openPostgresStore({ connection: { url: await server.createDatabase() }, pipeline: 'work' });
  try {
    const life = { name: 'work', source, sink: join(folder, `output-${n}`), patterns };
    await runPipeline(testOptions({ ...life, store }), { once: true, signal: new AbortController().signal });
    put(
      'second.csv',
      csvOf(
        customers
          .filter((_, i) => i % 5 === 0)
          .slice(0, 10)
          .map(([customer]) => [customer, 1]),
      ),
    );
    const costs: Cost[] = [];
    await runPipeline(testOptions({ ...life, store: measured(store, (cost) => costs.push(cost)) }), {
      once: true,
      signal: new AbortController().signal,
    });
    expect(costs).toHaveLength(1);
    return costs[0]!;
  } finally {
    await store.close();
  }
}

/** Tells what each commit cost, and the steps since the detector was loaded. */
function measured(store: Store, tell: (cost: Cost) => void): Store {
  const claim: Store['claim'] = async (options) => {
    const writer = await store.claim(options);
    let detector: Detector | null = null;
    let before: Detector['work'] = { entities: 0, moved: 0, rankQueries: 0, evaluated: 0 };
    const load: Writer['load'] = async (into) => {
      await writer.load(into);
      detector = into;
      // Putting in order what was loaded costs its cohorts once.
      const prepare = into.prepare.bind(into);
      into.prepare = () => {
        prepare();
        before = { ...into.work };
      };
    };
    const commit: Writer['commit'] = async (request) => {
      const { statements, bytes } = wire;
      await writer.commit(request);
      const { entities, moved, rankQueries, evaluated } = detector!.work;
      tell({
        statements: wire.statements - statements,
        bytes: wire.bytes - bytes,
        deltaBytes: request.entries.reduce((sum, { delta }) => sum + (delta?.length ?? 0), 0),
        work: {
          entities: entities - before.entities,
          moved: moved - before.moved,
          rankQueries: rankQueries - before.rankQueries,
          evaluated: evaluated - before.evaluated,
        },
      });
    };
    return withMethods(writer, { load, commit });
  };
  return withMethods(store, { claim });
}

test('law 7: entities, members moved, ranks, bytes and statements of a chunk are the same on 1,000 pairs and on 100,000', async () => {
  const small = await costOn(1_000);
  expect(small.work).toEqual({ entities: 11, moved: 10, rankQueries: 1, evaluated: 19 });
  expect(await costOn(100_000)).toEqual(small);
});
