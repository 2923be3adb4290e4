/** Config -> what a pipeline runs on. The one place where settings meet implementations. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { Config, Place } from '../config/config.ts';
import { clockOf, readEnvironment } from '../config/environment.ts';
import type { Env } from '../config/fill-in.ts';
import { TallyhoError } from '../core/error.ts';
import { makeLocalEngine } from '../engine/local/local-engine.ts';
import { assertApart } from '../objects/assert-apart.ts';
import type { Objects } from '../objects/objects.ts';
import { openObjects } from '../objects/open-objects.ts';
import { declarePatterns } from '../pipeline/declare-patterns.ts';
import { type EarlyReading, makeEarlyReading } from '../pipeline/early-reading.ts';
import type { PipelineEvent } from '../pipeline/events.ts';
import type { PipelineOptions, ReferenceSettings } from '../pipeline/options.ts';
import { realTime } from '../pipeline/time.ts';
import { freeBytes } from '../store/private-server/free-bytes.ts';
import { assertFolders } from './assert-folders.ts';
import { openLastSeen } from './last-seen.ts';
import { openStore } from './open-store.ts';
import type { Profile } from './profile/profile.ts';
import { sized } from './words.ts';

export interface Composition {
  readonly options: PipelineOptions;
  close(): Promise<void>;
}

export interface ComposeOptions {
  readonly env: Env;
  readonly commitChunks: number | null;
  /** How long to wait for another detector that holds the pipeline; as long as one that was just killed may be seen, if null. */
  readonly waitMs?: number | null;
  readonly confirm: (detections: number) => Promise<boolean>;
  readonly on: (event: PipelineEvent) => void;
  /** For what is told once, such as that the private server is made. */
  readonly say: (text: string) => void;
  /** The state was last in use on another machine, where nothing of ours runs any more. */
  readonly takeOverState?: boolean;
  /** Whether chunks are read while the store is on its way. */
  readonly readEarly?: boolean;
  /** Of `run --profile`. */
  readonly profile?: Pick<Profile, 'source' | 'options'> | null;
  readonly signal: AbortSignal;
}

/** A detector that was killed a moment ago may still be seen; another that lives is not waited for. */
const claimWaitMs = 5000;

export async function compose(config: Config, given: ComposeOptions): Promise<Composition> {
  const { source: input } = config;
  const clock = clockOf(readEnvironment(given.env));
  const places = {
    source: input.location,
    sink: config.sink.location,
    state: config.store.kind === 'private' ? config.store.folder : null,
  };
  await assertFolders(places);
  await assertApart(places);

  const opened: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(thing: T): T => {
    opened.push(thing);
    return thing;
  };
  const close = async (): Promise<void> => {
    for (const thing of opened.splice(0).toReversed()) await thing.close();
  };
  let early: EarlyReading | null = null as EarlyReading | null;
  try {
    const objects = keep(openObjects(input.url, { role: 'source', base: config.folder, s3: config.s3 }));
    const source = given.profile?.source(objects) ?? objects;
    const sink = keep(openObjects(config.sink.url, { role: 'sink', base: config.folder, s3: config.s3 }));
    const reference = config.weight.kind === 'reference' ? await openReference(config.weight, config, keep) : null;
    const store = keep(
      await openStore(config, {
        readOnly: false,
        onProgress: given.say,
        onWaiting: () => given.readEarly === true && early?.begin(),
        takeOver: given.takeOverState === true,
        signal: given.signal,
      }),
    );
    const engine = keep(makeLocalEngine({ source }));
    const composed: PipelineOptions = {
      name: config.pipeline,
      source,
      sink,
      store,
      engine,
      reference,
      input: {
        columns: input.columns,
        csv: input.csv,
        maxBadRows: input.maxBadRows,
        maxChunkBytes: input.maxChunkBytes,
        onBadChunk: input.onBadChunk,
        onDuplicate: input.onDuplicate,
        onChanged: input.onChanged,
        pollMs: input.pollMs,
        settleMs: input.location.kind === 'file' ? input.settleMs : 0,
        waitForMs: input.waitForMs,
      },
      patterns: declarePatterns(config.patterns, { scale: input.scale, weight: config.weight.kind }),
      timeZone: config.sink.timeZone,
      clock,
      time: realTime,
      commitChunks: given.commitChunks,
      confirm: given.confirm,
      checkDisk: makeDiskCheck(config),
      claimWaitMs: given.waitMs ?? claimWaitMs,
      on: given.on,
    };
    const lastSeen = config.store.kind === 'private' ? keep(await openLastSeen(config.store.folder, source.url)) : null;
    // It ends before the engine that it reads with.
    early = keep(makeEarlyReading({ ...composed, after: lastSeen?.key ?? null }));
    const on = (event: PipelineEvent): void => {
      lastSeen?.note(event);
      given.on(event);
    };
    const options: PipelineOptions = { ...composed, early, on };
    return { options: given.profile?.options(options) ?? options, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Keep = <T extends { close(): Promise<void> }>(thing: T) => T;

async function openReference(
  weight: Extract<Config['weight'], { kind: 'reference' }>,
  config: Config,
  keep: Keep,
): Promise<ReferenceSettings> {
  const { folder, key } = splitPlace(weight.file);
  const objects = keep(openObjects(folder, { role: 'source', base: config.folder, s3: config.s3 }));
  const engine = keep(makeLocalEngine({ source: objects }));
  return { objects, key, columns: weight.columns, engine, keyInSource: await keyBelow(config.source, weight.file) };
}

/** The folder of a file, and its name there. */
export function splitPlace({ url, location }: Place): { readonly folder: string; readonly key: string } {
  if (location.kind === 'file') return { folder: dirname(location.path), key: basename(location.path) };
  // What is one object in S3 was read as a prefix.
  const path = location.prefix.replace(/\/$/, '');
  const slash = path.lastIndexOf('/');
  if (path === '')
    throw new TallyhoError('CONFIG_INVALID', `weight.file: ${url} names no file.`, { mend: 'Write s3://bucket/folder/file.csv.' });
  return { folder: `s3://${location.bucket}/${path.slice(0, slash + 1)}`, key: path.slice(slash + 1) };
}

/** The key of a file in the source, or null if it lies elsewhere. */
export async function keyBelow(source: Place, file: Place): Promise<string | null> {
  if (source.location.kind === 's3' && file.location.kind === 's3') {
    const { bucket, prefix } = source.location;
    const path = file.location.prefix.replace(/\/$/, '');
    return file.location.bucket === bucket && path.startsWith(prefix) ? path.slice(prefix.length) : null;
  }
  if (source.location.kind !== 'file' || file.location.kind !== 'file') return null;
  const path = relative(await real(source.location.path), join(await real(dirname(file.location.path)), basename(file.location.path)));
  return path === '' || path === '..' || path.startsWith(`..${sep}`) ? null : path.split(sep).join('/');
}

function real(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** PROTOCOL.md 5.4: the private state is the only copy, so the detector stops while there is still room to do so. */
function makeDiskCheck({ store }: Config): (() => void) | null {
  if (store.kind === 'url' || store.minFree === 0) return null;
  const { folder, minFree } = store;
  return () => {
    const free = freeBytes(folder);
    if (free >= minFree) return;
    throw new TallyhoError('DISK_LOW', `The disk of ${folder} has ${sized(free)} left, less than minFree (${sized(minFree)}).`, {
      mend: 'Make room there and start again: nothing is lost. Or set store.minFree lower; 0 turns the check off.',
    });
  };
}

/** For commands that only look at the source. */
export function openSource(config: Config): Objects {
  return openObjects(config.source.url, { role: 'source', base: config.folder, s3: config.s3 });
}
