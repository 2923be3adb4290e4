/**
 * A store on the private server. The server is opened at the first call, and opened again when it has vanished (killed,
 * stopped, moved to another socket): every client treats that as a reconnect (PROTOCOL.md 5.1).
 *
 * `claim` is where a life of the pipeline begins, so it is what opens the server again; readers get one more try as well.
 */
import { TallyhoError } from '../core/error.ts';
import type { Address } from '../store/postgres/address.ts';
import { openPostgresStore } from '../store/postgres/postgres-store.ts';
import { openPrivateServer, type PrivateServer } from '../store/private-server/private-server.ts';
import type { Store } from '../store/store.ts';

export interface PrivateStoreOptions {
  /** The state folder, absolute. */
  readonly folder: string;
  readonly pipeline: string;
  readonly keepDeltas: number;
  readonly readOnly: boolean;
  readonly onProgress: (text: string) => void;
  readonly onWaiting?: () => void;
  /** Start the server although another machine used this state last (`--take-over-state`). */
  readonly takeOver?: boolean;
  readonly signal: AbortSignal | undefined;
}

interface Opened {
  readonly server: PrivateServer;
  readonly store: Store;
}

export function connectionOf({ port, user, password, database, socketFolder, host }: PrivateServer): Address {
  const login = { port, user, password, database };
  return socketFolder === '' ? { host, ...login } : { socketFolder, ...login };
}

export function makePrivateStore(options: PrivateStoreOptions): Store {
  let opened: Promise<Opened> | null = null;

  async function open(): Promise<Opened> {
    const { folder, pipeline, keepDeltas, readOnly, onProgress, onWaiting = () => undefined, takeOver = false, signal } = options;
    const server = await openPrivateServer({ folder, onProgress, onWaiting, takeOver, ...(signal === undefined ? {} : { signal }) });
    try {
      return { server, store: await openPostgresStore({ connection: connectionOf(server), pipeline, readOnly, keepDeltas }) };
    } catch (error) {
      await server.close().catch(() => undefined);
      throw error;
    }
  }

  async function current(): Promise<Store> {
    opened ??= open();
    try {
      return (await opened).store;
    } catch (error) {
      opened = null;
      throw error;
    }
  }

  async function drop(): Promise<void> {
    const old = opened;
    opened = null;
    if (old === null) return;
    const { server, store } = await old;
    // They are gone already, or as good as.
    await store.close().catch(() => undefined);
    await server.close().catch(() => undefined);
  }

  /** Once more on a new server, if the old one does not answer. */
  async function attempt<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const store = await current();
    try {
      return await work(store);
    } catch (error) {
      if (!(error instanceof TallyhoError) || error.code !== 'STORE_UNREACHABLE' || options.signal?.aborted === true) throw error;
      await drop();
      return await work(await current());
    }
  }

  async function* pages<T>(work: (store: Store) => AsyncIterable<T>): AsyncIterable<T> {
    yield* work(await current());
  }

  return {
    describe: `private PostgreSQL in ${options.folder}`,
    claim: (claim) => attempt((store) => store.claim(claim)),
    holder: () => attempt((store) => store.holder()),
    request: (request) => attempt((store) => store.request(request)),
    requests: (filter) => attempt((store) => store.requests(filter)),
    pipeline: () => attempt((store) => store.pipeline()),
    files: () => attempt((store) => store.files()),
    counts: () => attempt((store) => store.counts()),
    plannedFolders: (names) => attempt((store) => store.plannedFolders(names)),
    // A detector that is half filled cannot be filled again.
    load: async (detector) => (await current()).load(detector),
    chunks: (filter) => pages((store) => store.chunks(filter)),
    rejected: (filter) => pages((store) => store.rejected(filter)),
    quarantined: (filter) => pages((store) => store.quarantined(filter)),
    replayed: (filter) => pages((store) => store.replayed(filter)),
    detections: (filter) => pages((store) => store.detections(filter)),
    close: drop,
  };
}
