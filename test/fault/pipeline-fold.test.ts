/** A fold that is held up on the server, by a lock that somebody else has on its tables, while the pipeline goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { csv, makeWorld, type Run, withWriter, type World } from '../helpers/pipeline-world.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

let server: TestServer;
let url: string;
let admin: Sql;
let world: World;
let letGo: (() => Promise<void>) | null = null;

beforeAll(async () => {
  server = await startTestServer();
  url = await server.createDatabase();
  admin = postgres(url, { max: 3, onnotice: () => {} });
});
afterAll(async () => {
  await admin.end();
  await server.close();
});
beforeEach(async () => {
  world = await makeWorld(url);
});
afterEach(async () => {
  await letGo?.();
  await world.close();
});

const seen = new Map<string, number>();
/** A watching detector, and how to wait for what it does. */
function watch(run: Run = {}): { readonly running: Promise<unknown>; readonly stop: () => void } {
  const stop = new AbortController();
  seen.clear();
  const running = world.run({
    ...run,
    once: false,
    signal: stop.signal,
    on(event) {
      seen.set(event.kind, (seen.get(event.kind) ?? 0) + 1);
      run.on?.(event);
    },
  });
  running.catch(() => {});
  return { running, stop: () => stop.abort() };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 100_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('it takes too long');
    await sleep(10);
  }
}
const count = (kind: string): number => seen.get(kind) ?? 0;
const published = (sequence: number): boolean => [...world.output().keys()].some((key) => key.includes(`-${sequence}/detections-1.csv`));
const foldedTo = async (): Promise<number> => (await world.store.pipeline())?.foldedSequence ?? -2;
const put = (number: number): void => world.put(`chunk_${number}.csv`, csv(`M${number} C1 1`, `M${number} C1 2`, 'M0 C0 1'));

/** From now on no fold gets on, until `letGo`. */
async function holdUp(): Promise<void> {
  let free = (): void => {};
  const freed = new Promise<void>((resolve) => {
    free = resolve;
  });
  const [table] = await admin<{ name: string }[]>`
    select relname as name from pg_class where relnamespace = ${world.name}::regnamespace and relname like 'statistics\\_%' and relkind = 'r'`;
  await new Promise<void>((locked, failed) => {
    const locking = admin.begin(async (sql) => {
      await sql`lock table ${sql(world.name)}.${sql(table?.name ?? '')} in share mode`;
      locked();
      await freed;
    });
    locking.catch(failed);
    letGo = async () => {
      letGo = null;
      free();
      await locking;
    };
  });
}

/** The backend of the fold that waits for the lock. */
async function heldUp(): Promise<number> {
  let found: number | undefined;
  await until(async () => {
    const rows = await admin<{ pid: number }[]>`
      select pid from pg_stat_activity where wait_event_type = 'Lock' and application_name = ${`tallyho ${world.name} fold`}`;
    found = rows[0]?.pid;
    return found !== undefined;
  });
  return found ?? 0;
}

/** A detector with one chunk folded, and the fold of the second held up. */
async function watchHeldUp(run: Run = {}): Promise<ReturnType<typeof watch> & { readonly pid: number }> {
  put(1);
  const watching = watch(run);
  await until(() => count('idle') > 0);
  await holdUp();
  put(2);
  const pid = await heldUp();
  return { ...watching, pid };
}

async function expectAsIfNothingHappened(): Promise<void> {
  expect(await world.store.pipeline()).toSatisfy(
    (row: { foldedSequence: number; lastSequence: number }) => row.foldedSequence === row.lastSequence,
  );
  const twin = await world.twin();
  await twin.run();
  expect(await world.ledger()).toEqual(await twin.ledger());
  expect(await world.detections()).toEqual(await twin.detections());
  expect(await world.statistics()).toEqual(await twin.statistics());
  expect([...world.output()]).toEqual([...twin.output()]);
}

test('holds up no detections: chunks that come meanwhile are committed and published, and belong to the next fold', async () => {
  const { running, stop } = await watchHeldUp();
  for (const number of [3, 4, 5]) {
    put(number);
    await until(() => published(number));
  }
  expect(await foldedTo()).toBe(1);
  const idles = count('idle');
  await sleep(400);
  expect(count('idle')).toBe(idles);
  expect(count('folded')).toBe(1);
  await letGo?.();
  await until(async () => (await foldedTo()) === 5);
  stop();
  await running;
  const folded = world.events().flatMap((event) => (event.kind === 'folded' ? [event.to] : []));
  expect(folded).toEqual([1, 2, 5]);
  await expectAsIfNothingHappened();
});

test('is waited for when the detector is told to stop, and what came meanwhile is folded too', async () => {
  const { running, stop } = await watchHeldUp();
  put(3);
  await until(() => published(3));
  stop();
  let isOver = false;
  void running.then(() => (isOver = true));
  await sleep(300);
  expect(isOver).toBe(false);
  await letGo?.();
  await running;
  expect(await world.store.pipeline()).toMatchObject({ lastSequence: 3, foldedSequence: 3, held: false });
  await expectAsIfNothingHappened();
});

test('is refused when another takes over: nothing of it counts, and the other folds the same rows', async () => {
  const { running } = await watchHeldUp();
  await admin`update ${admin(world.name)}.pipeline set lease_until = clock_timestamp() - interval '1 s'`;
  const store = await openPostgresStore({ connection: { url }, pipeline: world.name });
  try {
    const writer = await store.claim({ waitMs: 0 });
    await expect(running).rejects.toMatchObject({ code: 'FENCED' });
    expect(writer.pipeline).toMatchObject({ epoch: 2, lastSequence: 2, foldedSequence: 1 });
    await letGo?.();
    await sleep(200);
    expect(await foldedTo()).toBe(1);
    await writer.release();
  } finally {
    await store.close();
  }
  await world.run();
  await expectAsIfNothingHappened();
});

test('that loses its connection ends the session; the next one publishes at once and makes up for it', async () => {
  const { running, stop, pid } = await watchHeldUp();
  await admin`select pg_terminate_backend(${pid})`;
  await until(() => count('retry') === 1);
  put(3);
  await until(() => published(3));
  expect(await foldedTo()).toBe(1);
  await letGo?.();
  await until(async () => (await foldedTo()) === 3);
  stop();
  await running;
  await expectAsIfNothingHappened();
});

test('is given up when a commit fails: the next session publishes while the tables are still locked', async () => {
  let commits = 0;
  const { running, stop } = await watchHeldUp({
    change: ({ store }) => ({
      store: withWriter(store, (writer) => ({
        async commit(request) {
          if (++commits === 3) throw new TallyhoError('STORE_UNREACHABLE', 'gone');
          await writer.commit(request);
        },
      })),
    }),
  });
  put(3);
  await until(() => published(3));
  expect(commits).toBeGreaterThan(3);
  await letGo?.();
  await until(async () => (await foldedTo()) === 3);
  stop();
  await running;
  await expectAsIfNothingHappened();
});

test('through the loss of all connections at once', async () => {
  const { running, stop } = await watchHeldUp();
  const ended = admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name like ${`tallyho ${world.name} %`}`;
  await ended;
  await until(() => count('retry') >= 1);
  await world.store.pipeline().catch(() => undefined);
  put(3);
  await until(() => published(3));
  await letGo?.();
  await until(async () => (await foldedTo()) === 3);
  stop();
  await running;
  await expectAsIfNothingHappened();
});
