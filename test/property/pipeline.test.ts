/**
 * Random lives of a pipeline: chunks come, change, grow, are corrected or only told of, are copied, completed, mended and taken away, patterns change, are
 * reset and rebuilt, while the store and the sink fail at random moments, before or after what they were asked to do. What
 * is left must be what a twin has that saw no fault: ledger, detections, statistics, output to the byte.
 * TALLYHO_SEED replays one life, TALLYHO_SEEDS runs more.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { makeRandom, type Random } from '../helpers/dataset/random.ts';
import { csv, makeWorld, type Run, withObjects, withWriter, type World } from '../helpers/pipeline-world.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const one = process.env['TALLYHO_SEED'];
const count = Number(process.env['TALLYHO_SEEDS'] ?? 12);
const seeds = one === undefined ? Array.from({ length: count }, (_, i) => 7000 + i) : [Number(one)];
const rounds = 10;

let server: TestServer;
let url: string;

beforeAll(async () => {
  server = await startTestServer();
  url = await server.createDatabase();
});
afterAll(() => server.close());

describe('laws 1 to 4 through faults: what is left is what a twin has that saw none', () => {
  test.each(seeds)('seed %i', async (seed) => {
    const random = makeRandom(seed);
    const world = await makeWorld(url);
    try {
      const twin = await world.twin();
      let run = somePatterns(random);
      for (let round = 0; round < rounds; round++) {
        for (let i = random.below(5); i >= 0; i--) disturb(random, world);
        const size = random.pick([null, 1, 3]);
        if (random.chance(0.3)) run = somePatterns(random);
        const reset = random.chance(0.1);
        for (const of of [world, twin]) {
          if (reset) await resetFirst(of);
          await survive(of, { ...run, commitChunks: size, ...(of === world ? { change: faults(random, 0.04) } : {}) });
        }
        expect(await whole(world), `round ${round}`).toEqual(await whole(twin));
      }
      expect((await world.lines()).length).toBeGreaterThan(3);
    } finally {
      await world.close();
    }
  });
});

/** Runs until it has gone through, however often that takes; rebuilds where that is asked for. */
async function survive(world: World, run: Run): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    if (attempt === 50) throw new Error('it never goes through');
    try {
      await world.run(run);
      return;
    } catch (error) {
      if (!(error instanceof TallyhoError)) throw error;
      if (error.code === 'REBUILD_NEEDED') {
        // What is gone cannot be read again; then nothing is done.
        if ((await rebuild(world, run)) === 'blocked') return;
      } else if (!error.message.startsWith('fault')) throw error;
    }
  }
}

/** After a fault nobody knows whether it took place: the next start tells. */
async function rebuild(world: World, run: Run): Promise<'blocked' | 'perhaps done'> {
  try {
    await world.rebuild(run);
    return 'perhaps done';
  } catch (error) {
    if (error instanceof TallyhoError && error.code === 'REBUILD_BLOCKED') return 'blocked';
    if (error instanceof TallyhoError && error.message.startsWith('fault')) return 'perhaps done';
    throw error;
  }
}

async function whole(world: World): Promise<unknown> {
  const row = await world.store.pipeline();
  expect(row?.foldedSequence).toBe(row?.lastSequence);
  const lines = (await world.lines()).map((line) => ({ ...line, version: '' }));
  const files = await world.store.files();
  expect(files).toEqual({ planned: world.output().size, published: world.output().size, incidents: [] });
  const rejected: unknown[] = [];
  for await (const rows of world.store.rejected()) rejected.push(...rows);
  return {
    lines,
    rejected,
    detections: await world.detections(),
    statistics: row === null || row.basis === null ? null : await statistics(world),
    output: [...world.output()],
  };
}

/** By the patterns in force, whatever the config of the last run was. */
async function statistics(world: World): Promise<unknown> {
  const text = (await world.store.pipeline())?.patternSet?.text;
  if (text === undefined) return null;
  const { patterns } = JSON.parse(text) as { patterns: PatternSource[] };
  return await world.statistics({ patterns, weight: 'column' });
}

async function resetFirst(world: World): Promise<void> {
  const known = (await world.store.pipeline())?.patterns[0];
  if (known === undefined) return;
  const writer = await world.store.claim({ waitMs: 0 });
  try {
    await writer.resetPattern(known.id);
  } finally {
    await writer.release();
  }
}

function somePatterns(random: Random): Run {
  const n = (): number => 1 + random.below(4);
  const all: PatternSource[] = [
    { id: 'Twice', action: 'UPGRADE', entity: ['merchant', 'customer'], when: [`count >= ${n()}`] },
    { id: 'Busy', action: 'LOOK', entity: ['merchant'], when: [`distinct(customer) >= ${n()}`] },
    {
      id: 'Top',
      action: 'LOOK',
      entity: ['merchant', 'customer'],
      when: [`count in top ${random.pick(['10', '50', '33.3'])}% of merchant`],
    },
  ];
  // A measure more asks for a rebuild.
  if (random.chance(0.3)) all.push({ id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: [`sum(amount) > ${n()}`] });
  const patterns = random.shuffle(all).slice(0, 1 + random.below(all.length));
  const onChanged = random.pick(['report', 'correct', 'correct'] as const);
  return { patterns, input: { onChanged, maxBadRows: { units: random.pick([30n, 50n, 100n]), digits: 0 } } };
}

const rowsOf = (random: Random): string =>
  csv(
    ...Array.from({ length: random.below(6) }, () => {
      const customer = random.chance(0.1) ? '' : `C${random.below(6)}`;
      return `M${random.below(3)} ${customer} ${random.chance(0.1) ? 'x' : random.below(9)}`;
    }),
  );

/** One thing happens to the source. */
function disturb(random: Random, world: World): void {
  const key = `chunk_${random.below(8)}.csv`;
  const path = join(world.source, key);
  const folder = `folder_${random.below(3)}.csv`;
  switch (random.below(9)) {
    case 0:
    case 1:
    case 2:
      world.put(key, rowsOf(random));
      return;
    case 3:
      if (existsSync(path)) world.remove(key);
      return;
    case 4:
      world.put(key, random.pick(['', 'x\n1\n', csv('M1 C1 1'), csv('M1 C1 1', 'M1 C1 1')]));
      return;
    case 5:
      world.put(`${folder}/part-${random.below(3)}.csv`, rowsOf(random));
      return;
    case 6:
      world.put(`${folder}/_SUCCESS`, '');
      return;
    case 7:
      if (existsSync(join(world.source, folder))) world.remove(folder);
      return;
    default:
      if (existsSync(join(world.source, folder, '_SUCCESS'))) world.remove(`${folder}/_SUCCESS`);
  }
}

/** Each act fails with this probability, before or after it took place. */
function faults(random: Random, p: number): NonNullable<Run['change']> {
  async function through<T>(
    doing: string,
    code: 'STORE_UNREACHABLE' | 'STORE_UNKNOWN_COMMIT' | 'SINK_UNWRITABLE',
    act: () => Promise<T>,
  ): Promise<T> {
    const fault = (): TallyhoError => new TallyhoError(code, `fault of ${doing}`);
    if (random.chance(p)) throw fault();
    const result = await act();
    if (random.chance(p)) throw fault();
    return result;
  }
  return ({ store, sink }) => ({
    sink: withObjects(sink, {
      put: (key, bytes) => through('put', 'SINK_UNWRITABLE', () => sink.put(key, bytes)),
      folders: () => through('folders', 'SINK_UNWRITABLE', () => sink.folders()),
    }),
    store: withWriter(store, (writer) => ({
      commit: (request) => through('commit', 'STORE_UNKNOWN_COMMIT', () => writer.commit(request)),
      fold: (...fold) => through('fold', 'STORE_UNKNOWN_COMMIT', () => writer.fold(...fold)),
      setBasis: (basis) => through('setBasis', 'STORE_UNKNOWN_COMMIT', () => writer.setBasis(basis)),
      markPublished: (keys) => through('markPublished', 'STORE_UNKNOWN_COMMIT', () => writer.markPublished(keys)),
      load: (detector) => through('load', 'STORE_UNREACHABLE', () => writer.load(detector)),
      inForce: (key) => through('inForce', 'STORE_UNREACHABLE', () => writer.inForce(key)),
      findContent: (id) => through('findContent', 'STORE_UNREACHABLE', () => writer.findContent(id)),
      pendingFiles: (after, limit) => through('pendingFiles', 'STORE_UNREACHABLE', () => writer.pendingFiles(after, limit)),
      rebuild: (request) => through('rebuild', 'STORE_UNKNOWN_COMMIT', () => writer.rebuild(request)),
    })),
  });
}
