/** What there is to do: the listing against the ledger, with what the ledger says of a name that changed its kind. */
import { TallyhoError } from '../core/error.ts';
import type { ChunkVersion, NotChunks } from '../objects/chunk.ts';
import { discoverChunks, discoverWork } from '../objects/discovery/discover.ts';
import type { Store, StoredLine } from '../store/store.ts';
import type { KnownLines } from './known-lines.ts';
import type { PipelineOptions } from './options.ts';
import { comparable, type ComparedChunk } from './reading-settings.ts';

export interface Work {
  readonly chunk: ChunkVersion;
  readonly known: ComparedChunk | null;
}

export interface ListedWork {
  /** In natural order. */
  readonly work: readonly Work[];
  /** Chunks that wait, told before or not. */
  readonly waiting: number;
  readonly notChunks: NotChunks;
  /** Keys of chunks that lie there as they were when they were found to have grown. Looked for by the first listing of `--once`. */
  readonly grew: readonly string[];
}

export interface ListOptions {
  readonly options: PipelineOptions;
  /** Of the session. */
  readonly known: KnownLines;
  /** Of the session (reading-settings.ts). */
  readonly settings: string;
  /** The first listing of a session: under `halt` it looks for chunks that stopped an earlier one. */
  readonly isFirst: boolean;
  readonly once: boolean;
  readonly signal: AbortSignal;
}

export async function listWork({ options, known: lines, settings, isFirst, once, signal }: ListOptions): Promise<ListedWork> {
  const mustLook = isFirst && options.input.onBadChunk === 'halt';
  const bad = new Map<string, ComparedChunk>();
  const grown = new Map<string, ComparedChunk>();
  const known = noting(comparable(lines.read(), settings, options.input.onChanged), (line) => {
    if (mustLook && line.outcome === 'quarantined' && !line.isRestored) bad.set(nameOf(line), line);
    // What is to be looked at by a person is told by each `run --once`, not only by the one that found it.
    if (isFirst && once && line.outcome === 'changed' && line.reason === 'grew' && !line.isRestored) grown.set(nameOf(line), line);
  });
  const found = await discoverWork(options.source, known, {
    waitFor: options.input.waitForMs,
    now: options.time.now(),
    exclude: excluded(options),
    signal,
  });
  for (const { chunk } of found.work) {
    bad.delete(nameOf(chunk));
    grown.delete(nameOf(chunk));
  }
  if (bad.size > 0) await assertNotHalted(options, bad, signal);

  const work: Work[] = [];
  let waiting = 0;
  for (const { chunk, known: line } of found.work) {
    const known = line === null ? null : await withForce(options, line, chunk);
    if (chunk.state.kind === 'waiting') {
      waiting++;
      if (isTold(chunk, known)) continue;
    }
    work.push({ chunk, known });
  }
  return { work, waiting, notChunks: found.notChunks, grew: grown.size === 0 ? [] : await stillThere(options, grown, signal) };
}

/** The reference is no chunk, wherever it lies. */
export function excluded({ reference }: Pick<PipelineOptions, 'reference'>): readonly string[] {
  return reference?.keyInSource === null || reference === null ? [] : [reference.keyInSource];
}

/**
 * Nothing to add about a folder that waits: the line is there, or what was applied under this key stays in force until the
 * new version is complete (and may turn out to be the same bytes).
 */
function isTold(chunk: ChunkVersion, known: ComparedChunk | null): boolean {
  return known !== null && (known.inForce !== null || (known.outcome === 'waiting' && known.version === chunk.version));
}

interface WithForce extends Pick<PipelineOptions, 'input'> {
  readonly store: Pick<Store, 'chunks'>;
}

/**
 * The ledger knows an object and a folder of one name apart; the key is the same, and so is what is in force under it. A
 * line that has nothing in force of its own kind is looked at again where that of the other may be: it says so (`changed`, or
 * applied and corrected), or was decided by the names alone (`ambiguous`, and one that waited and is complete now). With
 * `onChanged: correct` whatever is refused may lie beside something in force.
 */
async function withForce({ store, input }: WithForce, line: ComparedChunk, chunk: ChunkVersion): Promise<ComparedChunk> {
  const isUndecided = line.contentId === null || input.onChanged === 'correct';
  const mayBeOther = line.outcome === 'changed' || line.outcome === 'applied' || (isUndecided && chunk.state.kind !== 'waiting');
  if (line.inForce !== null || !mayBeOther) return line;
  let last: StoredLine | undefined;
  for await (const batch of store.chunks({ key: line.key, outcome: 'applied' }))
    last = batch.findLast(({ kind, correctedBy }) => (kind === 'chunk' || kind === 'correction') && correctedBy === null) ?? last;
  return last === undefined ? line : { ...line, inForce: last.contentId, inForceBytes: last.bytes };
}

/** Under `halt`, a chunk that stopped the pipeline stops it again, until it is mended or gone. */
async function assertNotHalted(options: PipelineOptions, bad: ReadonlyMap<string, ComparedChunk>, signal: AbortSignal): Promise<void> {
  for await (const batch of listing(options, signal)) {
    for (const chunk of batch) {
      const line = bad.get(nameOf(chunk));
      // One that was ambiguous by its name alone is mended when it no longer is.
      if (line === undefined || (line.contentId === null && chunk.state.kind !== 'ambiguous')) continue;
      throw halted(chunk.key, null, 'it is as it was when it stopped the pipeline.');
    }
  }
}

/** A deleted one wants nothing any more. */
async function stillThere(options: PipelineOptions, lines: ReadonlyMap<string, ComparedChunk>, signal: AbortSignal): Promise<string[]> {
  const there: string[] = [];
  for await (const batch of listing(options, signal)) for (const chunk of batch) if (lines.has(nameOf(chunk))) there.push(chunk.key);
  return there;
}

function listing(options: PipelineOptions, signal: AbortSignal): AsyncIterable<readonly ChunkVersion[]> {
  const { source, input, time } = options;
  return discoverChunks(source, { waitFor: input.waitForMs, now: time.now(), exclude: excluded(options), signal });
}

export function halted(key: string, reason: string | null, detail: string | null): TallyhoError {
  const why = reason === null ? '' : ` (${reason})`;
  return new TallyhoError('HALTED', `${key} is quarantined${why}: ${detail ?? ''}`, {
    mend: 'Write the mended chunk under the same name and start again, or set `onBadChunk: skip`.',
  });
}

/** As it is listed: an object and a folder of one key are two. */
function nameOf({ key, folder }: { readonly key: string; readonly folder: boolean }): string {
  return folder ? `${key}/` : key;
}

async function* noting(
  known: AsyncIterable<readonly ComparedChunk[]>,
  note: (line: ComparedChunk) => void,
): AsyncIterable<readonly ComparedChunk[]> {
  for await (const batch of known) {
    for (const line of batch) note(line);
    yield batch;
  }
}
