/**
 * Puts committed files into the sink, in order, and marks them (PROTOCOL.md 4).
 *
 * Files arrive by sequence and ordinal: evidence first, `detections-1.csv` last of its folder, so that its presence means
 * complete. An incident (other bytes stand there) holds up that file and the last one of its folder; other folders go on.
 * A put that already happened is success, so a crash anywhere here costs a second look and nothing else. One file is
 * under way at a time, beside the reading, evaluating and committing of later chunks.
 */
import type { Objects } from '../objects/objects.ts';
import type { PlannedFile } from '../store/store.ts';
import type { PipelineEvent } from './events.ts';

export interface Publisher {
  add(files: readonly PlannedFile[]): void;
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

export function makePublisher(options: PublisherOptions): Publisher {
  const queue: PlannedFile[] = [];
  const heldFolders = new Set<string>();
  let unmarked: string[] = [];
  let running: Promise<void> | null = null;
  let failure: Error | null = null;
  let incidents = 0;
  let published = 0;

  async function publishOne(file: PlannedFile): Promise<void> {
    const folder = file.key.slice(0, file.key.lastIndexOf('/'));
    if (file.key.endsWith('/detections-1.csv') && heldFolders.has(folder)) return;
    const result = await options.sink.put(file.key, file.bytes);
    if (result === 'other') {
      const detail = 'Other bytes stand under this name; they were left alone. Move that object away and start again.';
      heldFolders.add(folder);
      incidents++;
      await options.markIncident(file.key, detail);
      options.on({ kind: 'incident', key: file.key, detail });
      return;
    }
    published++;
    unmarked.push(file.key);
    options.on({ kind: 'published', key: file.key });
  }

  async function work(): Promise<void> {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      await publishOne(file);
      if (queue.length === 0 || unmarked.length >= 500) {
        const keys = unmarked;
        unmarked = [];
        await options.mark(keys);
      }
    }
  }

  function start(): void {
    if (running !== null || failure !== null || queue.length === 0) return;
    running = work()
      .catch((error: unknown) => {
        failure = error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        running = null;
        start();
      });
  }

  return {
    add(files) {
      queue.push(...files);
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
