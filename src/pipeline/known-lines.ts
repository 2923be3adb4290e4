/**
 * What the ledger knows of each key, kept between listings as long as it cannot have changed.
 *
 * A watching detector lists every second, and the ledger changes by its own commits only (law 6: a commit of anybody else
 * ends ours), so a listing that finds nothing new need not read the ledger again. `changed` is called before each commit
 * and after it, so what was read meanwhile is not kept. Of more than `mostKept` keys nothing is kept, so memory stays bounded.
 */
import type { KnownChunk, Writer } from '../store/store.ts';

export interface KnownLines {
  /** As `Writer.known`. */
  read(): AsyncIterable<readonly KnownChunk[]>;
  changed(): void;
}

/** Some 10 MB. */
const mostKept = 20_000;

export function makeKnownLines(writer: Pick<Writer, 'known'>, most = mostKept): KnownLines {
  let kept: readonly (readonly KnownChunk[])[] | null = null;
  let changes = 0;
  return {
    async *read() {
      if (kept !== null) {
        yield* kept;
        return;
      }
      const before = changes;
      const batches: (readonly KnownChunk[])[] = [];
      let lines = 0;
      for await (const batch of writer.known()) {
        lines += batch.length;
        if (lines <= most) batches.push(batch);
        else batches.length = 0;
        yield batch;
      }
      if (lines <= most && changes === before) kept = batches;
    },
    changed() {
      kept = null;
      changes++;
    },
  };
}
