/**
 * CPU of the main thread by part of the program: V8's sampling profiler within the process, self time of each function
 * summed up by the source file that it comes from.
 *
 * Built, the program is one file: its source map (beside it) says where a function comes from. Sampling costs a run some
 * hundredths, and nothing where it is not asked for. Time before the sampler started is that of the start-up.
 */
import { readFile } from 'node:fs/promises';
import type { Profiler, Session } from 'node:inspector/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface Part {
  readonly name: string;
  readonly ms: number;
}

export interface Sampled {
  /** Largest first; without `idle`. */
  readonly parts: readonly Part[];
  /** The main thread had nothing to do. */
  readonly idleMs: number;
}

export interface Sampler {
  stop(): Promise<Sampled>;
}

const intervalUs = 500;

/** null where this Node has no inspector, or it is in use. */
export async function startSampler(): Promise<Sampler | null> {
  let session: Session;
  try {
    const inspector = await import('node:inspector/promises');
    session = new inspector.Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: intervalUs });
    await session.post('Profiler.start');
  } catch {
    return null;
  }
  return {
    async stop() {
      const { profile } = await session.post('Profiler.stop');
      session.disconnect();
      return sum(profile, await readMap(profile));
    },
  };
}

function sum({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile, map: SourceMap | null): Sampled {
  const partOfNode = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame, map)]));
  const byPart = new Map<string, number>();
  samples.forEach((id, i) => {
    const part = partOfNode.get(id) ?? 'other';
    byPart.set(part, (byPart.get(part) ?? 0) + (timeDeltas[i] ?? 0) / 1000);
  });
  const idleMs = byPart.get('idle') ?? 0;
  byPart.delete('idle');
  return { parts: Array.from(byPart, ([name, ms]) => ({ name, ms })).sort((a, b) => b.ms - a.ms), idleMs };
}

type Frame = Profiler.ProfileNode['callFrame'];

/** Folders of src/, and what they do for a run. The first that fits. */
const partsOfSource: readonly (readonly [RegExp, string])[] = [
  [/^(reader|engine)\//, 'read: bytes to deltas'],
  [/^core\/(delta-codec|varint|crc32)/, 'commit: encode deltas'],
  [/^(core|patterns)\//, 'step: statistics, ranks, patterns'],
  [/^sink\//, 'publish: render files'],
  [/^objects\//, 'list, read and put files'],
  [/^store\/postgres\/(fold|statistics|integer-text)/, 'fold'],
  [/^store\//, 'store: commit, load, server'],
  [/^pipeline\//, 'pipeline'],
  [/^(cli|config)\//, 'command and config'],
];

export function partOf({ url, functionName, lineNumber, columnNumber }: Frame, map: Pick<SourceMap, 'findEntry'> | null): string {
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(garbage collector)') return 'garbage collector';
  if (url === '') return 'Node: native';
  // The only one is the reader.
  if (url.startsWith('wasm:')) return 'read: bytes to deltas';
  if (url.startsWith('node:')) return url.includes('/modules/') || url.includes('/bootstrap/') ? 'Node: loading' : 'Node: JavaScript';
  const entry = map !== null && isBundle(url) ? map.findEntry(lineNumber, columnNumber) : null;
  const source = entry !== null && 'originalSource' in entry ? String(entry.originalSource) : url;
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1];
  if (dependency !== undefined) return dependency === 'postgres' ? 'store: client of PostgreSQL' : `package ${dependency}`;
  const path = /(?:^|\/)(?:src|dist)\/((?!.*\/(?:src|dist)\/).*)$/.exec(source)?.[1];
  return partsOfSource.find(([pattern]) => path !== undefined && pattern.test(path))?.[1] ?? 'other';
}

function isBundle(url: string): boolean {
  return url.endsWith('.code.js');
}

async function readMap({ nodes }: Profiler.Profile): Promise<SourceMap | null> {
  const url = nodes.find(({ callFrame }) => isBundle(callFrame.url))?.callFrame.url;
  if (url === undefined) return null;
  try {
    const path = url.startsWith('file:') ? fileURLToPath(url) : url;
    return new SourceMap(JSON.parse(await readFile(`${path}.map`, 'utf8')) as SourceMapPayload);
  } catch {
    return null;
  }
}
