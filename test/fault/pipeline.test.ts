/** A whole pipeline against a real PostgreSQL through faults of the wire, of the server and of its own process. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { watchBoundaries } from '../helpers/boundaries.ts';
import { makeRandom } from '../helpers/dataset/random.ts';
import { csv, type Run } from '../helpers/pipeline-world.ts';
import { runWithFaults } from '../helpers/random-calls.ts';
import { makeStoreProxy, type StoreProxy } from '../helpers/store-proxy.ts';
import { useWorld } from '../helpers/use-world.ts';

const seed = Number(process.env['TALLYHO_SEED'] ?? 20_261_122);
const runner = fileURLToPath(new URL('../helpers/pipeline-runner.ts', import.meta.url));

const { world, url, server } = useWorld();

function putChunks(count: number): void {
  for (let i = 0; i < count; i++) world.put(`chunk_${i}.csv`, csv(`M${i % 7} C${i % 11} 1`, `M${i % 5} C${i % 3} 2`));
  world.put('copy.csv', csv('M0 C0 1', 'M0 C0 2'));
}

async function expectAsIfNothingHappened(): Promise<void> {
  const twin = await world.twin();
  await twin.run();
  expect(await world.ledger()).toEqual(await twin.ledger());
  expect(await world.detections()).toEqual(await twin.detections());
  expect(await world.statistics()).toEqual(await twin.statistics());
  expect([...world.output()]).toEqual([...twin.output()]);
}

describe('PROTOCOL 3.3: an unanswered COMMIT, of whatever transaction', () => {
  for (const mode of ['lose-commit', 'lose-answer'] as const) {
    test(`${mode}: nothing is doubled or lost, and the summary counts what took place`, async () => {
      putChunks(12);
      const proxy: StoreProxy = await makeStoreProxy(url());
      const store = await openPostgresStore({ connection: { url: proxy.url }, pipeline: world.name });
      try {
        const random = makeRandom(seed);
        const through: Run = {
          commitChunks: 2,
          change: () => ({ store }),
          on(event) {
            if (event.kind === 'retry') return;
            if (proxy.lost < 6 && random.chance(0.15)) proxy.mode = mode;
          },
        };
        const summary = await world.run(through);
        expect(proxy.lost).toBeGreaterThan(2);
        expect(summary).toMatchObject({ outcomes: { applied: 12, duplicate: 1 }, rows: 26, lastSequence: 12, incidents: 0 });
        expect(summary.files).toBe(world.output().size);
        expect(summary.detections.reduce((sum, { count }) => sum + count, 0)).toBe((await world.detections()).length);
      } finally {
        await store.close();
        await proxy.close();
      }
      await expectAsIfNothingHappened();
    });
  }
});

describe(`sessions that are ended at random moments (seed ${seed})`, () => {
  test.each([
    ['once', 3],
    ['watching', 12],
  ] as const)('%s, %d times', async (mode, times) => {
    putChunks(60);
    const strike = (): Promise<void> => server().disconnectAll();
    const struck = await runWithFaults(world, { commitChunks: 2 }, { url: url(), mode, times, random: makeRandom(seed), strike });
    expect(struck).toBe(times);
    expect(world.events().filter(({ kind }) => kind === 'retry').length).toBeGreaterThan(0);
    // The reader of this test was cut off as well.
    await world.store.pipeline().catch(() => undefined);
    await expectAsIfNothingHappened();
  });
});

describe('a process', () => {
  interface Ended {
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }
  function start(stopAt: number, once: boolean, through = url()): { readonly kill: () => void; readonly ended: Promise<Ended> } {
    const child = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        '--unhandled-rejections=strict',
        runner,
        through,
        world.name,
        world.source,
        world.sink,
        String(stopAt),
        once ? 'once' : 'watch',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const ended = new Promise<Ended>((done) => child.once('close', (code) => done({ code, stdout, stderr })));
    return { kill: () => child.kill('SIGKILL'), ended };
  }

  test('that stops at any moment ends by itself: nothing is left open, no rejection unseen', async () => {
    putChunks(30);
    for (const [at, once] of [
      [1, true],
      [7, false],
      [15, true],
      [1000, true],
      [1000, false],
    ] as const) {
      const { code, stdout, stderr } = await start(at, once).ended;
      expect(code, stderr).toBe(0);
      const summary = JSON.parse(stdout) as { evaluated: number; outcomes: Record<string, number> };
      expect(Object.values(summary.outcomes).reduce((sum, n) => sum + n, 0)).toBe(summary.evaluated);
    }
    await expectAsIfNothingHappened();
  });

  test(`that is killed at any moment loses nothing, and the next goes on (seed ${seed})`, async () => {
    putChunks(200);
    const random = makeRandom(seed);
    const watched = await watchBoundaries(0, server().port);
    try {
      for (let i = 0; i < 5; i++) {
        // By the number of calls, so the work is never over before. A start has some dozens of them, all of it hundreds.
        const at = 1 + random.below(80);
        watched.begin();
        const { kill, ended } = start(100_000, true, watched.databaseUrl(url()));
        watched.onCrossed = () => {
          if (watched.crossed.length === at) kill();
        };
        const { code, stderr } = await ended;
        expect(code, stderr).toBe(null);
        while ((await world.store.pipeline())?.held === true) await sleep(5);
      }
    } finally {
      await watched.close();
    }
    await world.run({ change: () => ({ claimWaitMs: 60_000 }) });
    await expectAsIfNothingHappened();
  });
});
