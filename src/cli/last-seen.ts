/**
 * The last key in natural order that was committed, kept beside the private state: a hint for the next start, which reads
 * the chunks behind it before the server answers (pipeline/early-reading.ts). Wrong or missing, it costs time and nothing else.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareNatural } from '../core/natural-order.ts';
import type { PipelineEvent } from '../pipeline/events.ts';

export interface LastSeen {
  /** As the last run left it; null where there is none of this source. */
  readonly key: string | null;
  note(event: PipelineEvent): void;
  /** Keeps it for the next. */
  close(): Promise<void>;
}

export async function openLastSeen(stateFolder: string, source: string): Promise<LastSeen> {
  const path = join(stateFolder, 'last-seen.json');
  const before = await read(path, source);
  let last = before;
  return {
    key: before,
    note(event) {
      if (event.kind !== 'committed') return;
      for (const { kind, key } of event.lines) if (kind === 'chunk' && (last === null || compareNatural(key, last) > 0)) last = key;
    },
    async close() {
      if (last === before) return;
      // A state that cannot be written has been told by those who need it.
      await writeFile(path, `${JSON.stringify({ source, key: last })}\n`).catch(() => undefined);
    },
  };
}

async function read(path: string, source: string): Promise<string | null> {
  try {
    const kept = JSON.parse(await readFile(path, 'utf8')) as { readonly source?: unknown; readonly key?: unknown };
    return kept.source === source && typeof kept.key === 'string' ? kept.key : null;
  } catch {
    return null;
  }
}
