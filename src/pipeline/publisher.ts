/**
 * Puts committed files into the sink, in the order that `sink/next-to-publish` decides, and marks them (PROTOCOL.md 4).
 *
 * A put that already happened is success, so a crash anywhere here costs a second look and nothing else. Works beside the
 * reading, evaluating and committing of later chunks.
 *
 * Modes: idle, working, failed (the first failure that is no incident ends it, and with it the session), stopped (no
 * further put begins). State: the folders that are not done, in the order of their sequence numbers; only the first is in
 * hand, so a put costs nothing that grows with what waits behind it. While some of its files are put, those that come after
 * them are prepared: written and synced, without a name.
 */
import type { Objects, PreparedPut } from '../objects/objects.ts';
import { nextToPublish } from '../sink/next-to-publish.ts';
import { publish } from '../sink/publish.ts';
import type { CommitEntry, PendingFile } from '../store/store.ts';
import type { PipelineEvent } from './events.ts';

export interface Publisher {
  add(files: readonly PendingFile[]): void;
  /** Resolves when what waits is little enough for more; throws what ended it. */
  room(): Promise<void>;
  /** Resolves when everything added is published and marked, or held up by an incident; throws what ended it. */
  drain(): Promise<void>;
  /** Begins no further put, and resolves when those under way are over. */
  stop(): Promise<void>;
  /** Files under whose name other bytes stand. */
  readonly incidents: readonly string[];
}

export interface PublisherOptions {
  readonly sink: Objects;
  /** It stands there now, and is not marked yet. */
  readonly onPut: (key: string) => void;
  readonly mark: (keys: readonly string[]) => Promise<void>;
  readonly markIncident: (key: string, detail: string) => Promise<void>;
  readonly on: (event: PipelineEvent) => void;
}

/** Puts under way at one time. */
const parallel = 8;
/** Puts prepared at one time. */
const mostPrepared = 8;
/** Files marked in one statement. */
const markAtOnce = 500;
/** Bytes that may wait for a slow sink before evaluating waits for them. */
const mostWaiting = 64 << 20;

export function pendingOf({ files, line }: CommitEntry): PendingFile[] {
  return files.map((file) => ({
    ...file,
    sequence: line.sequence ?? 0,
    folder: file.key.slice(0, file.key.lastIndexOf('/')),
    incident: null,
  }));
}

export function makePublisher(options: PublisherOptions): Publisher {
  const folders: PendingFile[][] = [];
  const incidents: string[] = [];
  const incidentFolders = new Set<string>();
  /** By key. */
  const prepared = new Map<string, PreparedPut>();
  let unmarked: string[] = [];
  const state = { running: null as Promise<void> | null, failure: null as Error | null, stopped: false, waitingBytes: 0 };
  const wake: (() => void)[] = [];

  async function putOne(file: PendingFile): Promise<void> {
    const result = await publish(options.sink, file, undefined, prepared.get(file.key));
    await drop(file.key);
    if (result === 'other') {
      const detail = 'Other bytes stand under this name, and were left alone. Move that object away and start again.';
      incidentFolders.add(file.folder);
      incidents.push(file.key);
      await options.markIncident(file.key, detail);
      options.on({ kind: 'incident', key: file.key, detail });
      return;
    }
    unmarked.push(file.key);
    options.onPut(file.key);
    options.on({ kind: 'published', key: file.key });
  }

  async function mark(): Promise<void> {
    const keys = unmarked;
    unmarked = [];
    if (keys.length > 0) await options.mark(keys);
  }

  /** Puts all of them, some at a time. None is under way any more when this ends or throws. */
  async function putAll(files: readonly PendingFile[]): Promise<void> {
    let next = 0;
    async function putSome(): Promise<void> {
      for (let file = files[next++]; file !== undefined && state.failure === null && !state.stopped; file = files[next++]) {
        await putOne(file);
        if (unmarked.length >= markAtOnce) await mark();
      }
    }
    const some = Array.from({ length: Math.min(parallel, files.length) }, () =>
      putSome().catch((error: unknown) => {
        state.failure ??= error instanceof Error ? error : new Error(String(error));
      }),
    );
    await Promise.all(some);
    if (state.failure !== null) throw state.failure;
  }

  function prepareAll(files: readonly PendingFile[]): void {
    for (const file of files) {
      if (prepared.size >= mostPrepared) return;
      const ready = prepared.has(file.key) ? undefined : options.sink.prepare?.(file.key, file.bytes);
      if (ready !== undefined) prepared.set(file.key, ready);
    }
  }

  async function drop(key: string): Promise<void> {
    await prepared.get(key)?.drop();
    prepared.delete(key);
  }

  async function dropAll(): Promise<void> {
    await Promise.all([...prepared.keys()].map(drop));
  }

  function release(files: readonly PendingFile[]): void {
    for (const file of files) state.waitingBytes -= file.bytes.length;
    for (const go of wake.splice(0)) go();
  }

  async function putFolders(): Promise<void> {
    for (let folder = folders[0]; folder !== undefined && !state.stopped; folder = folders[0]) {
      const files = nextToPublish(folder, incidentFolders);
      if (files.length === 0) {
        // What an incident holds up is tried again by the next session, from the store.
        release(folder);
        folders.shift();
        await dropAll();
        continue;
      }
      const done = new Set(files);
      prepareAll(folder.filter((file) => !done.has(file)));
      await putAll(files);
      if (state.stopped) break;
      folders[0] = folder.filter((file) => !done.has(file));
      release(files);
    }
  }

  async function work(): Promise<void> {
    try {
      await putFolders();
      await mark();
    } finally {
      await dropAll();
    }
  }

  function start(): void {
    if (state.running !== null || state.failure !== null || state.stopped || folders.length === 0) return;
    state.running = work()
      .catch((error: unknown) => {
        state.failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        state.running = null;
        for (const go of wake.splice(0)) go();
        // What was added while the last files were being marked.
        start();
      });
  }

  function check(): void {
    if (state.failure !== null) throw state.failure;
  }

  return {
    add(files) {
      for (const file of files) {
        // What an earlier life saw as an incident is tried again.
        const fresh = { ...file, incident: null };
        const last = folders.at(-1);
        if (last?.[0]?.folder === file.folder) last.push(fresh);
        else folders.push([fresh]);
        state.waitingBytes += file.bytes.length;
      }
      start();
    },
    async room() {
      check();
      while (state.waitingBytes > mostWaiting && state.running !== null) {
        await new Promise<void>((go) => wake.push(go));
        check();
      }
    },
    async drain() {
      while (state.running !== null) await state.running;
      check();
    },
    async stop() {
      state.stopped = true;
      while (state.running !== null) await state.running;
    },
    incidents,
  };
}
