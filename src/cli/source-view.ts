/** What lies in the source now: chunks, folders that wait, and what is no chunk. */
import type { Config } from '../config/config.ts';
import { discoverChunks } from '../objects/discovery/discover.ts';
import { keyBelow, openSource } from './compose.ts';

export interface SourceView {
  readonly chunks: number;
  readonly waiting: readonly { readonly key: string; readonly why: string }[];
  readonly notChunks: { readonly count: number; readonly examples: readonly string[] };
}

/** `onChunk` is told each chunk that lies there with its size. */
export async function viewSource(config: Config, onChunk?: (key: string, bytes: number) => void): Promise<SourceView> {
  const source = openSource(config);
  try {
    let chunks = 0;
    const waiting: { readonly key: string; readonly why: string }[] = [];
    const discovery = discoverChunks(source, { waitFor: config.source.waitForMs, now: Date.now(), exclude: await referenceKeys(config) });
    for await (const page of discovery) {
      chunks += page.length;
      for (const { key, state, parts } of page) {
        if (state.kind === 'waiting') waiting.push({ key, why: state.why });
        onChunk?.(
          key,
          parts.reduce((sum, { size }) => sum + size, 0),
        );
      }
    }
    return { chunks, waiting, notChunks: discovery.notChunks };
  } finally {
    await source.close();
  }
}

/** The reference is left out of discovery. */
export async function referenceKeys({ source, weight }: Config): Promise<string[]> {
  const key = weight.kind === 'reference' ? await keyBelow(source, weight.file) : null;
  return key === null ? [] : [key];
}
