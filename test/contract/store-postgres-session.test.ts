/** Transactions whose COMMIT leaves behind their statements, unanswered as these are. */
import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { exactly, Sending } from '../../src/store/postgres/sending.ts';
import { type AtOnce, Session } from '../../src/store/postgres/session.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const insert = 'insert into kept (value) values ($1)';
let server: TestServer;
let url: string;
let admin: Sql;
let session: Session;

beforeAll(async () => {
  server = await startTestServer();
  url = await server.createDatabase();
  admin = postgres(url, { max: 1, onnotice: () => {} });
  await admin`create table kept (value integer primary key)`;
});
afterAll(async () => {
  await admin.end();
  await server.close();
});
beforeEach(async () => {
  await admin`truncate kept`;
  ({ session } = await Session.open({ url }, {}, 'test', 'select 1 as one'));
});
afterEach(() => session.close());

const kept = async (): Promise<number[]> =>
  (await admin<{ value: number }[]>`select value from kept order by value`).map(({ value }) => value);
const sendAll = async (statements: AtOnce, rows: readonly (readonly [text: string, value: number])[]) => {
  const sending = new Sending(statements);
  for (const [text, value] of rows) await sending.send(text, [value]);
  return { answers: sending.answers() };
};

test('one that is answered took place', async () => {
  await session.transactionAtOnce('keep', (statements) =>
    sendAll(
      statements,
      [1, 2, 3].map((value) => [insert, value]),
    ),
  );
  expect(await kept()).toEqual([1, 2, 3]);
});

test.each([0, 1, 2])('one whose statement %i fails did not take place, and says why; the next one does', async (failing) => {
  await session.transactionAtOnce('keep', (statements) => sendAll(statements, [[insert, 7]]));
  const values = [4, 5, 6].map((value, i) => (i === failing ? 7 : value));
  const failed = session.transactionAtOnce('keep', (statements) =>
    sendAll(
      statements,
      values.map((value) => [insert, value]),
    ),
  );
  await expect(failed).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { code: '23505' } });
  expect(await kept()).toEqual([7]);
  await session.transactionAtOnce('keep', (statements) => sendAll(statements, [[insert, 8]]));
  expect(await kept()).toEqual([7, 8]);
});

test('a statement that changes another number of rows than it must undoes what is before and behind it', async () => {
  const remove = exactly('1', 'delete from kept where value = $1');
  const tried = session.transactionAtOnce('keep', (statements) =>
    sendAll(statements, [
      [insert, 1],
      [remove, 2],
      [insert, 3],
    ]),
  );
  await expect(tried).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { code: '22012' } });
  expect(await kept()).toEqual([]);
  await session.transactionAtOnce('keep', (statements) =>
    sendAll(statements, [
      [insert, 2],
      [remove, 2],
      [insert, 3],
    ]),
  );
  expect(await kept()).toEqual([3]);
});

test('a statement that the server no longer knows is not sent again behind the COMMIT', async () => {
  await session.transactionAtOnce('keep', (statements) => sendAll(statements, [[insert, 1]]));
  await session.query('deallocate all');
  const tried = session.transactionAtOnce('keep', (statements) =>
    sendAll(statements, [
      [insert, 2],
      [insert, 3],
    ]),
  );
  await expect(tried).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { code: '26000' } });
  // Whatever else would have been sent is through when this is.
  await session.query('select 1 as one');
  expect(await kept()).toEqual([1]);
});

test('nothing can be sent behind the COMMIT', async () => {
  let late: AtOnce | null = null;
  await session.transactionAtOnce('keep', (statements) => {
    late = statements;
    return sendAll(statements, [[insert, 1]]);
  });
  expect(() => late?.query(insert, [2])).toThrow('broken law: nothing is sent behind a COMMIT');
  expect(await kept()).toEqual([1]);
});

test('what throws before all is sent is rolled back', async () => {
  const tried = session.transactionAtOnce('keep', async (statements) => {
    await sendAll(statements, [[insert, 1]]);
    throw new Error('no more');
  });
  await expect(tried).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(await kept()).toEqual([]);
});

test('one that the connection did not outlive is unknown; one that never left is not', async () => {
  const [row] = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
  const tried = session.transactionAtOnce('keep', async (statements) => {
    const sent = await sendAll(statements, [[insert, 1]]);
    await statements.query('select pg_sleep(0)');
    void statements.query('select pg_sleep(60)').catch(() => {});
    void admin`select pg_terminate_backend(${row?.pid ?? 0})`.execute();
    return sent;
  });
  await expect(tried).rejects.toMatchObject({ code: 'STORE_UNKNOWN_COMMIT' });
  const next = session.transactionAtOnce('keep', (statements) => sendAll(statements, [[insert, 2]]));
  await expect(next).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  expect(await kept()).toEqual([]);
});
