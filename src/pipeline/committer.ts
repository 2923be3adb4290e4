/**
 * Groups evaluated entries into commits.
 *
 * Modes: idle (nothing in flight; a pushed entry is committed at once), busy (one commit in flight; entries gather into
 * the next), failed (for good: memory is ahead of a database that said no, so everything that follows is refused and the
 * session is thrown away). At most one commit is in flight and one gathers, so memory is ahead by at most two commits
 * (PROTOCOL.md 3.4). With nothing waiting each entry is a commit of its own; under backlog the groups grow by themselves.
 */
import { TallyhoError } from '../core/error.ts';
import type { CommitEntry, CommitRequest } from '../store/store.ts';

type SameContent = CommitRequest['sameContent'][number];

export interface CommitterOptions {
  readonly lastSequence: number;
  readonly commit: (request: CommitRequest) => Promise<void>;
  readonly onCommitted: (entries: readonly CommitEntry[], ms: number) => void;
  /** Exactly so many entries a commit (the last of a flush may have fewer), or null. */
  readonly commitChunks: number | null;
}

export interface Committer {
  /** Resolves when there is room for the next entry. */
  push(entry: CommitEntry): Promise<void>;
  same(line: SameContent): void;
  /** Resolves when all that was pushed is committed. */
  flush(): Promise<void>;
  /** Commits take no longer than this many entries. */
  readonly lastSequence: number;
}

/** More than this in one transaction gains nothing, and delays the first detections of the group. */
const largestGroup = 64;

export function makeCommitter(options: CommitterOptions): Committer {
  let committed = options.lastSequence;
  let gathering: CommitEntry[] = [];
  let same: SameContent[] = [];
  let inFlight: Promise<void> | null = null;
  let failure: unknown = null;

  const groupSize = options.commitChunks ?? largestGroup;

  async function commitGroup(entries: readonly CommitEntry[], sameContent: readonly SameContent[]): Promise<void> {
    const started = performance.now();
    const to = entries.reduce((last, entry) => Math.max(last, entry.line.sequence ?? 0), committed);
    await options.commit({ from: committed, to, entries, sameContent });
    committed = to;
    options.onCommitted(entries, performance.now() - started);
  }

  /** Starts a commit of what has gathered, if none is in flight and (`all` or the group is full). */
  function pump(all: boolean): void {
    if (inFlight !== null || failure !== null) return;
    if (gathering.length === 0 && same.length === 0) return;
    if (!all && options.commitChunks !== null && gathering.length < options.commitChunks) return;
    const entries = gathering.slice(0, groupSize);
    gathering = gathering.slice(groupSize);
    const sameContent = same;
    same = [];
    inFlight = commitGroup(entries, sameContent)
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => {
        inFlight = null;
        pump(false);
      });
  }

  function check(): void {
    if (failure !== null) throw failure instanceof Error ? failure : new TallyhoError('INTERNAL', String(failure));
  }

  return {
    async push(entry) {
      check();
      gathering.push(entry);
      pump(false);
      while (inFlight !== null && gathering.length >= groupSize) await inFlight;
      check();
    },
    same(line) {
      same.push(line);
    },
    async flush() {
      for (;;) {
        check();
        pump(true);
        if (inFlight === null) {
          check();
          if (gathering.length === 0 && same.length === 0) return;
        } else {
          await inFlight;
        }
      }
    },
    get lastSequence() {
      return committed;
    },
  };
}
