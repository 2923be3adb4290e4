/** The test server is a helper that others build on: it must work in both versions, and never outlive its test. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import postgres from 'postgres';
import { describe, expect, test } from 'vitest';
import { until } from '../helpers/private-server-world.ts';
import { startTestServer, testServerMissing } from '../helpers/test-server.ts';

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

describe.each([18, 14] as const)('PostgreSQL %i for tests', (major) => {
  test('gives databases by URL, empty or as copies, and ends on close', async (context) => {
    const missing = testServerMissing(major);
    if (missing !== undefined) context.skip(missing);
    const server = await startTestServer({ major });
    const first = await server.createDatabase();
    const sql = postgres(first, { max: 1 });
    const [row] =
      await sql`select current_setting('server_version_num')::int / 10000 as major, current_setting('server_encoding') as encoding`;
    expect(row).toEqual({ major, encoding: 'UTF8' });
    await sql`create table kept as select 1 as n`;
    await sql.end();
    const copy = postgres(await server.createDatabase({ template: new URL(first).pathname.slice(1) }), { max: 1 });
    expect(await copy`select n from kept`).toHaveLength(1);
    await copy.end();
    await server.close();
    expect(await answers(server.port)).toBe(false);
  });
});

test('it ends when its process is killed, and removes its folder', async () => {
  const helper = new URL('../helpers/test-server.ts', import.meta.url).href;
  const script = `const { startTestServer } = await import(${JSON.stringify(helper)});
    console.log((await startTestServer()).port);
    setInterval(() => {}, 1000);`;
  const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('tallyho-test-server-'));
  const before = folders();
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const child = spawn(process.execPath, ['--import', loader, '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = Number(await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve)));
  const [ours] = folders().filter((name) => !before.includes(name));
  expect(await answers(port)).toBe(true);
  child.kill('SIGKILL');
  await until(async () => !(await answers(port)) && !(ours !== undefined && folders().includes(ours)), 'the test server to end');
});
