/** A key that the ledger does not know: whether it lies in the source at all, and which one was probably meant. */
import { classify } from '../objects/discovery/classify.ts';
import { discoverChunks } from '../objects/discovery/discover.ts';
import { printable } from '../objects/key.ts';
import { nearest } from '../patterns/nearest.ts';
import { isChunk } from './chunk-lines.ts';
import { openSource } from './compose.ts';
import type { Reading } from './reading.ts';
import { listed } from './words.ts';

/** Among more keys than this no similar one is looked for. */
const mostCandidates = 100_000;

export interface Finding {
  readonly message: string;
  readonly mend: string;
}

export async function findChunk(key: string, { reader, config }: Reading): Promise<Finding> {
  const shown = printable(key);
  const candidates = new Set<string>();
  for await (const page of reader.chunks()) {
    for (const line of page) if (isChunk(line) && candidates.size < mostCandidates) candidates.add(line.key);
  }
  const source = openSource(config);
  try {
    for await (const page of discoverChunks(source, { waitFor: config.source.waitForMs, now: Date.now() })) {
      for (const chunk of page) {
        if (chunk.key === key) {
          const waits = chunk.state.kind === 'waiting' ? `, and waits: ${chunk.state.why}` : '';
          return {
            message: `${shown} lies in ${source.url}, and no detector has looked at it yet${waits}.`,
            mend: 'Start one: `tallyho run`.',
          };
        }
        if (candidates.size < mostCandidates) candidates.add(chunk.key);
      }
    }
    const kind = classify(key);
    if (kind.kind === 'part' || kind.kind === 'marker') {
      return {
        message: `${shown} is part of the chunk ${printable(kind.folder)}.`,
        mend: `Ask for that: \`tallyho chunks why ${kind.folder}\`.`,
      };
    }
    for await (const { objects } of source.list(undefined, '')) {
      if (!objects.some((object) => object.key === key)) continue;
      const why = 'chunks are named NAME.csv, NAME.csv.gz or NAME.parquet, and no part of their path begins with _ or a point';
      return { message: `${shown} lies in ${source.url}, and is no chunk: ${why}.`, mend: 'Write it under such a name.' };
    }
    const message = `There is no chunk ${shown}: not in the ledger, and not in ${source.url}.`;
    return { message, mend: suggestion(key, [...candidates]) };
  } finally {
    await source.close();
  }
}

function suggestion(key: string, candidates: readonly string[]): string {
  const sameName = candidates.filter((candidate) => candidate.endsWith(`/${key}`) || candidate.startsWith(`${key}.`)).slice(0, 3);
  const near = sameName.length > 0 ? null : nearest(key, candidates);
  if (sameName.length > 0) return `Did you mean ${listed(sameName.map(printable))}?`;
  return near === null ? '`tallyho chunks` lists what there is.' : `Did you mean ${printable(near)}?`;
}
