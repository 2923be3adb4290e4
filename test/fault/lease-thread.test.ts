/** The thread that renews the lease, on real servers: PROTOCOL 3.2, "renewed off the main thread". Its lease is a short one here. */
import { describe, expect, test } from 'vitest';
import type { RenewalTask } from '../../src/store/postgres/renewal-messages.ts';
import { RenewalThread } from '../../src/store/postgres/renewal-thread.ts';
import { makeFaultWorld, until } from '../helpers/store-faults.ts';

const seconds = 2;
const [everyMs, patienceMs] = [250, 60_000];

for (const major of [18, 14] as const) {
  describe(`the thread that renews the lease, with PostgreSQL ${major}`, () => {
    const world = makeFaultWorld(major);

    const start = async (task: Partial<RenewalTask> = {}) => {
      const told: string[] = [];
      const rest = { connection: { url: world.url }, pipeline: world.pipeline, epoch: 1, seconds, everyMs, patienceMs };
      const thread = new RenewalThread({ ...rest, ...task }, (why) => told.push(why));
      world.keep({ close: () => thread.end() });
      if (task.connection === undefined) await until(async () => (await sessions()).length === 1);
      return { thread, told };
    };
    /** Of the thread: the server's processes. */
    const sessions = async (): Promise<number[]> => {
      const name = `tallyho ${world.pipeline} lease`;
      return (await world.admin<{ pid: number }[]>`select pid from pg_stat_activity where application_name = ${name}`).map(
        ({ pid }) => pid,
      );
    };
    const isHeld = async (): Promise<boolean> => {
      const { admin, pipeline } = world;
      const [row] = await admin<{ held: boolean }[]>`select lease_until > clock_timestamp() as held from ${admin(pipeline)}.pipeline`;
      return row?.held === true;
    };
    /** Epoch 1 is held, by nobody who would renew it. */
    const hold = async (): Promise<void> => {
      const { admin, pipeline } = world;
      await (await world.claim(await world.open())).release();
      await admin`update ${admin(pipeline)}.pipeline set (holder_pid, holder_start) =
        (select pid, backend_start from pg_stat_activity where pid = pg_backend_pid())`;
    };
    const shorten = async (): Promise<void> => {
      const { admin, pipeline } = world;
      await admin`update ${admin(pipeline)}.pipeline set lease_until = clock_timestamp() + make_interval(secs => ${seconds})`;
    };
    /** Fails if the lease lapses within that time. It is the server that looks, whatever this thread does. */
    const watchLease = async (lastsMs: number): Promise<{ readonly held: Promise<unknown> }> => {
      const held = world.admin.unsafe(`do $$ begin
        for i in 1..${lastsMs / 100} loop
          perform pg_sleep(0.1);
          if (select lease_until <= clock_timestamp() from "${world.pipeline}".pipeline) then raise exception 'the lease has lapsed'; end if;
        end loop;
      end $$`);
      held.catch(() => {});
      await until(async () => (await world.admin`select from pg_stat_activity where wait_event = 'PgSleep'`).length === 1);
      return { held };
    };
    const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

    test('PROTOCOL 3.2: a main thread that is busy for longer than the lease keeps it', async () => {
      await hold();
      await shorten();
      const alone = await watchLease(4_000);
      block(4_500);
      await expect(alone.held).rejects.toThrow('the lease has lapsed');
      await start();
      await until(isHeld);
      await shorten();
      const { held } = await watchLease(4_000);
      block(4_500);
      await held;
      await expect(world.claim(await world.open())).rejects.toMatchObject({ code: 'HELD' });
    });

    test('lets the lease of a main thread that hangs run out, and goes on when it is heard again', async () => {
      await hold();
      await shorten();
      const { thread, told } = await start({ patienceMs: 600 });
      await until(isHeld);
      await until(async () => !(await isHeld()));
      thread.beat();
      await until(isHeld);
      expect(told).toEqual([]);
    });

    test('shortens no lease that was granted for a long transaction, and waits for that one without a word', async () => {
      await hold();
      const { admin, pipeline } = world;
      const { told } = await start();
      await admin.begin(async (sql) => {
        await sql`update ${sql(pipeline)}.pipeline set lease_until = clock_timestamp() + interval '1 hour'`;
        await until(async () => (await admin`select from pg_stat_activity where wait_event_type = 'Lock'`).length === 1);
      });
      await new Promise((resolve) => setTimeout(resolve, 4 * everyMs));
      const [row] = await admin`select lease_until > clock_timestamp() + interval '50 min' as long from ${admin(pipeline)}.pipeline`;
      expect([row?.['long'], told]).toEqual([true, []]);
    });

    test('PROTOCOL 3.1: renews nothing for an epoch that is over, nor for a pipeline that was released', async () => {
      const { admin, pipeline } = world;
      const lease = async () =>
        (await admin`select lease_until::text as until, epoch::integer as epoch from ${admin(pipeline)}.pipeline`)[0];
      await hold();
      const { told } = await start();
      await world.endLease();
      await admin`update ${admin(pipeline)}.pipeline set epoch = 2`;
      const before = await lease();
      await until(async () => (await sessions()).length === 0);
      expect(await lease()).toEqual(before);
      await admin`update ${admin(pipeline)}.pipeline set holder_pid = null, lease_until = null`;
      await start({ epoch: 2, connection: { url: world.url } });
      await new Promise((resolve) => setTimeout(resolve, 4 * everyMs));
      expect([await lease(), told]).toEqual([{ until: null, epoch: 2 }, []]);
    });

    test('goes on by a new connection when its own is lost', async () => {
      await hold();
      const { told } = await start();
      const [first = 0] = await sessions();
      await world.admin`select pg_terminate_backend(${first})`;
      await until(async () => (await sessions()).some((pid) => pid !== first));
      await shorten();
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      expect([await isHeld(), told]).toEqual([true, []]);
    });

    test('that cannot connect says so once, without secrets', async () => {
      await hold();
      const proxy = await world.makeProxy();
      const { told } = await start({ connection: { url: proxy.url } });
      await until(async () => (await sessions()).length === 1);
      proxy.refuse();
      // Connecting may take all the time that it is given.
      await until(() => Promise.resolve(told.length > 0), 50_000);
      await new Promise((resolve) => setTimeout(resolve, 6 * everyMs));
      expect(told).toHaveLength(1);
      expect(told[0]).toMatch(/^PostgreSQL \(127\.0\.0\.1:\d+, database \w+\) does not answer/);
      expect(told[0]).not.toContain(decodeURIComponent(new URL(world.url).password));
    });

    test('that dies says so once, and its end is no further failure', async () => {
      const { thread, told } = await start({ connection: { url: 'postgres:' } });
      await until(() => Promise.resolve(told.length > 0));
      thread.beat();
      await thread.end();
      await thread.end();
      expect(told).toEqual([expect.stringContaining('The URL of the store cannot be parsed')]);
    });

    test('is started by a writer that lasts, and ends with its release', async () => {
      const told: string[] = [];
      const store = await world.open();
      const writer = await store.claim({ waitMs: 0, onLeaseTrouble: (why) => told.push(why) });
      expect(await sessions()).toEqual([]);
      await until(async () => (await sessions()).length === 1);
      await writer.release();
      await until(async () => (await sessions()).length === 0, 1_000);
      expect(told).toEqual([]);
    });
  });
}
