/** A server with pipelines of their own, one a test, for tests of what goes wrong in a store. */
import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store, Writer } from '../../src/store/store.ts';
import { makeStoreProxy, type StoreProxy } from './store-proxy.ts';
import { makeSample } from './store-samples.ts';
import { missingServer } from './store-servers.ts';
import { startTestServer, type TestServer } from './test-server.ts';

/** Closed after the test, the last first. */
interface Closable {
  close(): Promise<void>;
}

export class FaultWorld {
  readonly sample = makeSample();
  server!: TestServer;
  url = '';
  /** Beside the store. */
  admin!: Sql;
  pipeline = '';
  readonly #opened: Closable[] = [];
  #made = 0;

  async start(major: 18 | 14): Promise<void> {
    this.server = await startTestServer({ major });
    this.url = await this.server.createDatabase();
    this.admin = postgres(this.url, { max: 3, onnotice: () => {} });
  }

  async end(): Promise<void> {
    await this.admin.end();
    await this.server.close();
  }

  nextPipeline(): void {
    this.pipeline = `p${++this.#made}`;
  }

  async closeAll(): Promise<void> {
    for (const thing of this.#opened.splice(0).reverse()) await thing.close();
  }

  keep<T extends Closable>(thing: T): T {
    this.#opened.push(thing);
    return thing;
  }

  async open(through = this.url): Promise<Store> {
    return this.keep(await openPostgresStore({ connection: { url: through }, pipeline: this.pipeline }));
  }

  async makeProxy(): Promise<StoreProxy> {
    return this.keep(await makeStoreProxy(this.url));
  }

  claim(store: Store): Promise<Writer> {
    return store.claim({ waitMs: 0 });
  }

  async startWriter(store: Store): Promise<Writer> {
    const writer = await this.claim(store);
    await writer.setBasis({ layout: this.sample.layout, input: this.sample.input });
    return writer;
  }

  async holder(): Promise<number> {
    const { admin, pipeline } = this;
    const [row] = await admin<{ pid: number }[]>`select holder_pid as pid from ${admin(pipeline)}.pipeline`;
    return row?.pid ?? 0;
  }

  async isAlive(pid: number): Promise<boolean> {
    return (await this.admin`select from pg_stat_activity where pid = ${pid}`).length > 0;
  }

  /** Its holder seems gone: the next claim takes over. */
  async endLease(): Promise<void> {
    const { admin, pipeline } = this;
    await admin`update ${admin(pipeline)}.pipeline set lease_until = clock_timestamp() - interval '1 s'`;
  }

  /** A table that another has locked; ends that. */
  async lock(table: string, mode: 'share' | 'exclusive'): Promise<() => Promise<void>> {
    const free = deferred();
    const locked = deferred();
    const locking = this.admin.begin(async (sql) => {
      await sql.unsafe(`lock table "${this.pipeline}"."${table}" in ${mode} mode`);
      locked.resolve();
      await free.promise;
    });
    await locked.promise;
    return async () => {
      free.resolve();
      await locking;
    };
  }
}

/** For the tests of the describe that it is called in; skipped by name where there is no such server. */
export function makeFaultWorld(major: 18 | 14): FaultWorld {
  const world = new FaultWorld();
  const missing = missingServer(major);
  beforeAll(async () => {
    if (missing === undefined) await world.start(major);
  });
  afterAll(async () => {
    if (missing === undefined) await world.end();
  });
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
    world.nextPipeline();
  });
  afterEach(() => world.closeAll());
  return world;
}

/** Generous: it ends what hangs, and measures nothing unless told how much. */
export async function until(holds: () => Promise<boolean>, ms = 100_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it never came to pass');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((go) => {
    resolve = go;
  });
  return { promise, resolve };
}
