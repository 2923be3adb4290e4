/** PROTOCOL 4.5: an output that is ahead of its state is adopted, where a person says so, and nothing in it is detected twice. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { RunSummary } from '../../src/pipeline/summary.ts';
import { readDetections } from '../../src/sink/read-output.ts';
import { somePatterns } from '../helpers/pipeline-patterns.ts';
import { csv, failing, type Run, withWriter, type World } from '../helpers/pipeline-world.ts';
import { useWorld } from '../helpers/use-world.ts';

/** It wrote the output; its state is lost. */
const { world, server } = useWorld();
/** A younger state on the same source. */
let heir: World;

beforeEach(async () => {
  heir = await world.twin();
});

/** Into the output of the lost state, later. */
const later: Run = { clock: () => new Date('2026-11-23T09:00:00.000Z') };
const into = (run: Run = {}): Run => ({ ...later, sink: world.sink, ...run });
const adopting = (run: Run = {}): Run => into({ ...run, change: (options) => ({ ...run.change?.(options), adopt: true }) });

const chunks: readonly (readonly [key: string, text: string])[] = [
  ['chunk_1.csv', csv('M1 C1 1', 'M1 C1 2')],
  ['chunk_2.csv', csv('M2 C1 1')],
  ['chunk_3.csv', csv('M1 C2 1', 'M2 C2 7')],
  ['chunk_10.csv', csv('M1 C2 1', 'M3 C1 7', 'M3 C1 7')],
];
const all = ['Busy M1', 'Busy M2', 'Twice M1 C1', 'Twice M1 C2', 'Twice M3 C1'];

function put(count = chunks.length): void {
  for (const [key, text] of chunks.slice(0, count)) world.put(key, text);
}

/** Each row in the output. */
function published(): string[] {
  const files = [...world.output()].map(([key, base64]) => ({ key, bytes: Buffer.from(base64, 'base64') }));
  const folders = [...new Set(files.map(({ key }) => key.slice(0, key.indexOf('/'))))];
  return folders
    .flatMap((folder) =>
      readDetections(
        files.filter(({ key }) => key.startsWith(`${folder}/`)),
        somePatterns,
      ),
    )
    .map(({ patternId, values }) => [patternId, ...values].join(' '))
    .sort();
}

/** Detections of the run itself. */
const madeBy = ({ detections }: RunSummary): string[] =>
  detections.filter(({ count }) => count > 0).map(({ patternId, count }) => `${patternId} ${count}`);

const names = async (of: World): Promise<string[]> => (await of.detections()).map((text) => text.replace(/^\d+ /, '')).sort();

async function expectWhole(): Promise<void> {
  expect(published()).toEqual(all);
  expect(await names(heir)).toEqual(all);
  const twin = await world.twin();
  await twin.run();
  expect(await heir.statistics()).toEqual(await twin.statistics());
  const files = await heir.store.files();
  expect(files).toEqual({ planned: files.published, published: world.output().size, incidents: [] });
  // From now on it is its own.
  expect(await heir.run(into())).toMatchObject({ files: 0, incidents: 0 });
}

test('a deleted state: each detection stays in exactly one file, and what comes later is detected', async () => {
  put(3);
  await world.run();
  const before = world.output();
  await expect(heir.run(into())).rejects.toMatchObject({ code: 'SINK_AHEAD', mend: expect.stringContaining('run --adopt') as string });
  put();
  const summary = await heir.run(adopting());
  expect(summary).toMatchObject({ outcomes: { applied: 4 }, rows: 8, incidents: 0 });
  expect(madeBy(summary)).toEqual(['Twice 2']);
  expect(heir.events().filter(({ kind }) => kind === 'adopted')).toEqual([{ kind: 'adopted', folders: 2, detections: 3 }]);
  for (const [key, bytes] of before) expect(world.output().get(key), key).toBe(bytes);
  await expectWhole();
});

test('a restored backup: folders that it planned are no matter, those behind it are adopted', async () => {
  put(1);
  await world.run();
  await heir.run();
  put();
  await world.run(later);
  expect(await names(heir)).toEqual(['Twice M1 C1']);
  const summary = await heir.run(adopting());
  expect([...madeBy(summary), summary.incidents]).toEqual([0]);
  expect(await heir.ledger()).toEqual([
    'chunk_1.csv applied 1 2',
    '20261123T090000.000-3/ applied 2 0',
    '20261123T090000.000-4/ applied 3 0',
    'chunk_2.csv applied 4 1',
    'chunk_3.csv applied 5 2',
    'chunk_10.csv applied 6 3',
  ]);
  await expectWhole();
});

/** It has applied three chunks by the one pattern, and what it wrote lies elsewhere. */
async function makeHeir(): Promise<void> {
  put(3);
  await world.run();
  await heir.run({ ...later, patterns: somePatterns.slice(1) });
  rmSync(heir.sink, { recursive: true });
  put();
}

test('other patterns in the restored state: the changed set detects only what is not in the output', async () => {
  await makeHeir();
  expect(await heir.run(adopting())).toMatchObject({ incidents: 0, lastSequence: 7 });
  // Busy M1 and Busy M2 were detected by both.
  expect(await heir.ledger()).toEqual([
    'chunk_1.csv applied 1 2',
    'chunk_2.csv applied 2 1',
    'chunk_3.csv applied 3 2',
    '(re) applied 4 0',
    '20261122T073000.123-1/ applied 5 0',
    '20261122T073000.123-3/ applied 6 0',
    'chunk_10.csv applied 7 3',
  ]);
  expect(published()).toEqual(all);
  expect(await names(heir)).toEqual(all);
});

describe('ended in between, the next start is refused or adopts the rest', () => {
  test.each([1, 2, 3, 4])('before commit %i', async (at) => {
    await makeHeir();
    const broken = (): TallyhoError => new TallyhoError('INTERNAL', 'no more');
    await expect(
      heir.run(
        adopting({
          commitChunks: 1,
          change: ({ store }) => ({
            store: withWriter(store, (writer) => ({ commit: failing((request) => writer.commit(request), [at], broken) })),
          }),
        }),
      ),
    ).rejects.toMatchObject({ code: 'INTERNAL' });
    await heir.run(adopting());
    expect(published()).toEqual(all);
    expect(await names(heir)).toEqual(all);
    expect(await heir.run(into())).toMatchObject({ files: 0, incidents: 0 });
  });
});

test('a row that stands in two folders, and lost evidence, are no obstacle', async () => {
  put(1);
  await world.run();
  const [folder = ''] = [...world.output().keys()].map((key) => key.slice(0, key.indexOf('/')));
  rmSync(join(world.sink, folder, 'evidence-1.jsonl'));
  mkdirSync(join(world.sink, '20261122T073000.124-1'));
  writeFileSync(
    join(world.sink, '20261122T073000.124-1', 'detections-1.csv'),
    Buffer.from(world.output().get(`${folder}/detections-1.csv`) ?? '', 'base64'),
  );
  const summary = await heir.run(adopting());
  expect([...madeBy(summary), summary.incidents]).toEqual([0]);
  expect(await names(heir)).toEqual(['Twice M1 C1']);
  expect(await heir.run(into())).toMatchObject({ files: 0, incidents: 0 });
});

describe('refused as a whole, and nothing is committed', () => {
  async function expectRefused(run: Run, why: string): Promise<void> {
    await expect(heir.run(adopting(run))).rejects.toMatchObject({ code: 'SINK_AHEAD', message: expect.stringContaining(why) as string });
    expect(await heir.lines()).toEqual([]);
  }

  test('a row of a pattern that is not declared', async () => {
    put();
    await world.run();
    await expectRefused({ patterns: somePatterns.slice(0, 1) }, 'the pattern Busy, which is not declared');
  });

  test('a pattern that stood for something else', async () => {
    put(1);
    await world.run();
    await expectRefused({ patterns: [{ ...somePatterns[0]!, action: 'DOWN' }] }, 'another action');
  });

  test('a folder without a file of ours', async () => {
    put(1);
    mkdirSync(join(world.sink, '20261122T073000.123-7'), { recursive: true });
    await expectRefused({}, 'no file of ours');
  });
});

test('adopting is said once: an output that is ahead later on is refused', async () => {
  put();
  await world.run();
  const stop = new AbortController();
  let lives = 0;
  const running = heir.run(
    adopting({
      once: false,
      signal: stop.signal,
      on(event) {
        if (event.kind === 'claimed') lives++;
        if (event.kind !== 'idle') return;
        mkdirSync(join(world.sink, '20261122T073000.123-99'), { recursive: true });
        void server().disconnectAll();
      },
    }),
  );
  await expect(running).rejects.toMatchObject({ code: 'SINK_AHEAD' });
  expect(lives).toBeGreaterThan(1);
});
