/**
 * Groups evaluated entries into commits.
 *
 * Modes: idle (nothing in flight; a pushed entry is committed at once), busy (one commit in flight; entries gather into
 * the next), failed (for good: memory is ahead of a database that said no, so everything that follows is refused and the
 * session is thrown away), closed (no further commit begins). At most one commit is in flight and one gathers, so memory is
 * ahead by at most two commits (PROTOCOL.md 3.4). With nothing waiting each entry is a commit of its own; under backlog the
 * groups grow by themselves, up to a number of entries and of bytes.
 */
import { TallyhoError } from '../core/error.ts';
import type { CommitEntry, CommitRequest } from '../store/store.ts';
import type { Time } from './time.ts';

type SameContent = CommitRequest['sameContent'][number];

export interface CommitterOptions {
  readonly lastSequence: number;
  readonly time: Time;
  readonly commit: (request: CommitRequest) => Promise<void>;
  readonly onCommitted: (entries: readonly CommitEntry[], ms: number) => void;
  /** Exactly so many entries a commit (the last of a flush may have fewer), or null: as they come. Asked for each commit. */
  readonly groupSize: () => number | null;
}

export interface Committer {
  /** Resolves when there is room for the next entry. */
  push(entry: CommitEntry): Promise<void>;
  /** Goes along with a commit; resolves when there is room for the next. */
  same(line: SameContent): Promise<void>;
  /** Resolves when all that was pushed is committed. */
  flush(): Promise<void>;
  /** Begins no further commit, and resolves when none is in flight, however that ended. */
  close(): Promise<void>;
  /** The last sequence number that is committed. */
  readonly lastSequence: number;
}

/**
 * More than this in one transaction gains little (FLOOR.md: a commit costs less than 1 ms besides its entries), delays the
 * first detections of the group, and leaves less to do at the same time: while one group is committed and published, the
 * next is evaluated.
 */
const largestGroup = 8;
const largestBytes = 32 << 20;
/** Lines whose version alone changed, in one commit. */
const mostSame = 5_000;

export function makeCommitter(options: CommitterOptions): Committer {
  let committed = options.lastSequence;
  let gathering: CommitEntry[] = [];
  let gatheredBytes = 0;
  let same: SameContent[] = [];
  const state = { inFlight: null as Promise<void> | null, failure: null as Error | null, closed: false };

  async function commitGroup(entries: readonly CommitEntry[], sameContent: readonly SameContent[]): Promise<void> {
    const started = options.time.elapsed();
    const to = entries.reduce((last, entry) => Math.max(last, entry.line.sequence ?? 0), committed);
    await options.commit({ from: committed, to, entries, sameContent });
    committed = to;
    options.onCommitted(entries, options.time.elapsed() - started);
  }

  function isFull(): boolean {
    const size = options.groupSize();
    return size === null ? gathering.length >= largestGroup || gatheredBytes >= largestBytes : gathering.length >= size;
  }

  /** What goes into the next commit: an exact group is not broken for the sake of a version. */
  function takeGroup(all: boolean): CommitEntry[] {
    const size = options.groupSize();
    if (size !== null && !all && gathering.length < size) return [];
    const group = gathering.slice(0, size ?? largestGroup);
    gathering = gathering.slice(group.length);
    gatheredBytes = gathering.reduce((sum, entry) => sum + bytesOf(entry), 0);
    return group;
  }

  /** Starts a commit of what has gathered, if none is in flight and (`all` or there is enough for one). */
  function pump(all: boolean): void {
    if (state.inFlight !== null || state.failure !== null || state.closed) return;
    const entries = takeGroup(all);
    if (entries.length === 0 && same.length < (all ? 1 : mostSame)) return;
    const sameContent = same;
    same = [];
    state.inFlight = commitGroup(entries, sameContent)
      .catch((error: unknown) => {
        state.failure = error instanceof Error ? error : new TallyhoError('INTERNAL', String(error));
      })
      .finally(() => {
        state.inFlight = null;
        pump(false);
      });
  }

  function check(): void {
    if (state.failure !== null) throw state.failure;
    if (state.closed) throw new TallyhoError('INTERNAL', 'the committer is closed');
  }

  async function room(): Promise<void> {
    pump(false);
    while (state.inFlight !== null && (isFull() || same.length >= mostSame)) await state.inFlight;
    check();
  }

  return {
    async push(entry) {
      check();
      gathering.push(entry);
      gatheredBytes += bytesOf(entry);
      await room();
    },
    async same(line) {
      check();
      same.push(line);
      if (same.length >= mostSame) await room();
    },
    async flush() {
      for (;;) {
        check();
        pump(true);
        if (state.inFlight !== null) await state.inFlight;
        else if (state.failure === null && gathering.length === 0 && same.length === 0) return;
      }
    },
    async close() {
      state.closed = true;
      while (state.inFlight !== null) await state.inFlight;
    },
    get lastSequence() {
      return committed;
    },
  };
}

/** What an entry keeps in memory until it is committed: its bulk, not to the byte. */
function bytesOf({ delta, rejected, files }: CommitEntry): number {
  const raw = rejected.reduce((sum, row) => sum + row.raw.length, 0);
  return (delta?.length ?? 0) + raw + files.reduce((sum, file) => sum + file.bytes.length, 0);
}
