/**
 * Puts committed files into the sink, in the order that `sink/next-to-publish` decides, and marks them (PROTOCOL.md 4).
 *
 * A put that already happened is success, so a crash anywhere here costs a second look and nothing else. Works beside the
 * reading, evaluating and committing of later chunks; the first failure that is no incident ends it, and with it the session.
 */
import type { Objects } from '../objects/objects.ts';
import { nextToPublish } from '../sink/next-to-publish.ts';
import { publish } from '../sink/publish.ts';
import type { CommitEntry, PendingFile } from '../store/store.ts';
import type { PipelineEvent } from './events.ts';

export interface Publisher {
  add(files: readonly PendingFile[]): void;
  /** Resolves when everything added is published and marked, or held up by an incident. */
  drain(): Promise<void>;
  readonly incidents: number;
  readonly published: number;
}

export interface PublisherOptions {
  readonly sink: Objects;
  readonly mark: (keys: readonly string[]) => Promise<void>;
  readonly markIncident: (key: string, detail: string) => Promise<void>;
  readonly on: (event: PipelineEvent) => void;
}

/** Puts under way at one time. */
const parallel = 8;
/** Files marked in one statement. */
const markAtOnce = 500;

export function pendingOf({ files, line }: CommitEntry): PendingFile[] {
  return files.map((file) => ({
    ...file,
    sequence: line.sequence ?? 0,
    folder: file.key.slice(0, file.key.lastIndexOf('/')),
    incident: null,
  }));
}

export function makePublisher(options: PublisherOptions): Publisher {
  let pending: PendingFile[] = [];
  const incidentFolders = new Set<string>();
  let unmarked: string[] = [];
  let running: Promise<void> | null = null;
  let failure: Error | null = null;
  let incidents = 0;
  let published = 0;

  async function putOne(file: PendingFile): Promise<void> {
    const result = await publish(options.sink, file);
    if (result === 'other') {
      const detail = 'Other bytes stand under this name, and were left alone. Move that object away and start again.';
      incidentFolders.add(file.folder);
      incidents++;
      await options.markIncident(file.key, detail);
      options.on({ kind: 'incident', key: file.key, detail });
      return;
    }
    published++;
    unmarked.push(file.key);
    options.on({ kind: 'published', key: file.key });
  }

  async function mark(): Promise<void> {
    const keys = unmarked;
    unmarked = [];
    if (keys.length > 0) await options.mark(keys);
  }

  async function work(): Promise<void> {
    for (;;) {
      const files = nextToPublish(pending, incidentFolders).slice(0, parallel);
      if (files.length === 0) break;
      await Promise.all(files.map(putOne));
      const done = new Set(files);
      pending = pending.filter((file) => !done.has(file));
      if (unmarked.length >= markAtOnce) await mark();
    }
    await mark();
  }

  function start(): void {
    if (running !== null || failure !== null) return;
    running = work()
      .catch((error: unknown) => {
        failure = error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        running = null;
        // What was added while the last files were being marked.
        if (nextToPublish(pending, incidentFolders).length > 0) start();
      });
  }

  return {
    add(files) {
      if (files.length === 0) return;
      // What an earlier life saw as an incident is tried again.
      pending.push(...files.map((file) => ({ ...file, incident: null })));
      start();
    },
    async drain() {
      while (running !== null) await running;
      if (failure !== null) throw failure;
    },
    get incidents() {
      return incidents;
    },
    get published() {
      return published;
    },
  };
}
