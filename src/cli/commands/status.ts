/** `tallyho status`: where the pipeline stands, and what wants a look. */
import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { TallyhoError } from '../../core/error.ts';
import { printable } from '../../objects/key.ts';
import { isMarkedRestored } from '../../pipeline/reading-settings.ts';
import type { Holder, StoredLine } from '../../store/store.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { isChunk } from '../chunk-lines.ts';
import { stdout } from '../output.ts';
import { type JsonFlag, jsonFlag, type Reading, withReading } from '../reading.ts';
import type { SourceView } from '../source-view.ts';
import { runningText } from '../running-text.ts';
import { detectionLines, outcomesText, soDo } from '../summary-text.ts';
import { pairs } from '../table.ts';
import { counted, grouped, listed, placeText } from '../words.ts';

export const addStatus: AddCommand = (program, callOf) => {
  program
    .command('status')
    .summary('where the pipeline stands, and what wants a look')
    .description(
      'Shows what was read and detected, whether a detector is running, and what wants a look:\nfolders that wait, chunks that grew, files that could not be published, objects that are no chunks.',
    )
    .option(...jsonFlag)
    .addHelpText('after', examples('tallyho status', 'tallyho status --json'))
    .action(async (flags: JsonFlag, command: Command) => status(flags.json === true, callOf(command)));
};

interface Status {
  readonly pipeline: string;
  readonly source: string;
  readonly sink: string;
  readonly store: string;
  /** Whether a detector holds the pipeline now. */
  readonly running: boolean;
  /** Who it is; null where none is running, or one of a release that did not say. */
  readonly holder: Holder | null;
  /** Of the last entry; null before the first. */
  readonly sequence: number | null;
  /** The statistics tables are exact as of this entry. */
  readonly watermark: number | null;
  readonly chunks: Readonly<Record<string, number>>;
  /** Of the quarantined ones those of which no newer version was decided. */
  readonly quarantinedNow: number;
  readonly rows: number;
  readonly quarantined: number;
  /** Of duplicates: their originals count. */
  readonly notCounted: number;
  /** Of the quarantined ones: mended, and applied by a replay. */
  readonly resolved: number;
  readonly detections: readonly { readonly patternId: string; readonly count: number }[];
  readonly files: {
    readonly planned: number;
    readonly published: number;
    readonly incidents: readonly { readonly key: string; readonly detail: string }[];
  };
  /** Files of mended rows that were handed over to the detector, and wait for it. */
  readonly handedOver: readonly string[];
  /** Chunks that have grown since they were applied, and were not restored. */
  readonly grew: readonly string[];
  /** Chunks that have other bytes than were applied, which do not count; those that grew apart. */
  readonly changed: readonly string[];
  readonly inSource: SourceView | { readonly error: string };
}

async function status(json: boolean, call: Call): Promise<void> {
  const show = async (state: Status, config: Config): Promise<void> => {
    if (json) await stdout.lines([JSON.stringify(state)]);
    else await stdout.lines(statusLines(state, config));
  };
  await withReading(
    call,
    async (reading) => show(await readStatus(reading), reading.config),
    async (config) => show(await emptyStatus(config), config),
  );
}

async function readStatus({ config, reader, pipeline }: Reading): Promise<Status> {
  const [counts, files] = [await reader.counts(), await reader.files()];
  const { newest, applied } = await readNewest(reader);
  const ofKind = (test: (line: StoredLine) => boolean): StoredLine[] => [...newest.values()].filter(test);
  const sizes = new Map<string, number>();
  const common = await commonStatus(config, (key, bytes) => {
    if (newest.has(key)) sizes.set(key, bytes);
  });
  /** The ledger has no line of a chunk that is again what was applied. */
  const isRestored = (key: string): boolean => {
    const [size, was] = [sizes.get(key), applied.get(key)?.bytes ?? null];
    return size !== undefined && was !== null && size <= was;
  };
  const started = pipeline.basis !== null;
  return {
    ...common,
    store: reader.describe,
    running: pipeline.held,
    holder: await reader.holder(),
    sequence: started ? pipeline.lastSequence : null,
    watermark: started ? pipeline.foldedSequence : null,
    chunks: counts.outcomes,
    quarantinedNow: ofKind(({ outcome }) => outcome === 'quarantined').length,
    rows: counts.rows,
    quarantined: counts.quarantinedRows,
    notCounted: counts.notCountedRows,
    resolved: counts.resolvedRows,
    detections: counts.detections,
    files,
    handedOver: (await reader.requests({ isOpen: true })).map(({ name }) => name),
    grew: ofKind(({ key, reason }) => reason === 'grew' && !isRestored(key)).map(({ key }) => key),
    changed: ofKind(({ outcome, reason, version }) => outcome === 'changed' && reason !== 'grew' && !isMarkedRestored(version)).map(
      ({ key }) => key,
    ),
  };
}

/** Of more keys than this the newest lines are looked for in one go through the ledger. */
const mostAsked = 50;

interface Newest {
  /** The newest line of each key that was ever quarantined or changed. */
  readonly newest: ReadonlyMap<string, StoredLine>;
  /** Its applied line, if it has one. */
  readonly applied: ReadonlyMap<string, StoredLine>;
}

async function readNewest(reader: Reading['reader']): Promise<Newest> {
  const keys = new Set<string>();
  for (const outcome of ['quarantined', 'changed'] as const) {
    for await (const page of reader.chunks({ outcome })) for (const { key } of page) keys.add(key);
  }
  const [newest, applied] = [new Map<string, StoredLine>(), new Map<string, StoredLine>()];
  const filters = keys.size > mostAsked ? [{}] : [...keys].map((key) => ({ key }));
  for (const filter of filters) {
    for await (const page of reader.chunks(filter)) {
      for (const line of page) {
        if (!isChunk(line) || !keys.has(line.key)) continue;
        newest.set(line.key, line);
        if (line.outcome === 'applied') applied.set(line.key, line);
      }
    }
  }
  return { newest, applied };
}

async function emptyStatus(config: Config): Promise<Status> {
  return {
    ...(await commonStatus(config)),
    store: config.store.kind === 'private' ? `private PostgreSQL in ${config.store.folder}` : `PostgreSQL, schema ${config.pipeline}`,
    running: false,
    holder: null,
    sequence: null,
    watermark: null,
    chunks: {},
    quarantinedNow: 0,
    rows: 0,
    quarantined: 0,
    notCounted: 0,
    resolved: 0,
    detections: [],
    files: { planned: 0, published: 0, incidents: [] },
    handedOver: [],
    grew: [],
    changed: [],
  };
}

/** What the config and the source say. A source that cannot be listed is no reason to say nothing. */
async function commonStatus(
  config: Config,
  onChunk?: (key: string, bytes: number) => void,
): Promise<Pick<Status, 'pipeline' | 'source' | 'sink' | 'inSource'>> {
  const { viewSource } = await import('../source-view.ts');
  const inSource = await viewSource(config, onChunk).catch((error: unknown) => {
    if (!(error instanceof TallyhoError)) throw error;
    return { error: error.message };
  });
  return { pipeline: config.pipeline, source: placeText(config.source), sink: placeText(config.sink), inSource };
}

function statusLines(state: Status, config: Config): string[] {
  const { files, inSource, grew, detections } = state;
  const total = detections.reduce((sum, { count }) => sum + count, 0);
  const actions = new Map(config.patterns.map(({ id, action }) => [id, action]));
  const standing =
    // Before the first entry nothing was folded either.
    state.sequence === null || (state.sequence === 0 && (state.watermark ?? -1) < 0)
      ? 'nothing is decided yet'
      : `entry ${grouped(state.sequence)}; statistics tables as of entry ${grouped(state.watermark ?? 0)}`;
  const lines = [
    ...pairs([
      ['pipeline', `${state.pipeline} (${runningText(state.running, state.holder)})`],
      ['source', state.source],
      ['sink', state.sink],
      ['store', state.store],
      ['stands at', standing],
      ['chunks', chunksText(state)],
      ['rows', rowsText(state)],
      ['files', `${grouped(files.planned)} planned, ${grouped(files.published)} published`],
      ['detections', grouped(total)],
    ]),
    ...detectionLines(detections, actions),
  ];
  const wants = wantsALook(state);
  if (wants.length > 0) lines.push('', 'Wants a look:', ...wants.map((text) => `  ${text}`));
  if (!('error' in inSource) && inSource.chunks === 0 && grew.length === 0 && state.sequence === null)
    lines.push('', `There is no chunk in ${state.source} yet.`);
  return lines;
}

function rowsText({ rows, quarantined, notCounted, resolved }: Status): string {
  const mended = resolved === 0 ? '' : ` (${grouped(resolved)} of them mended and counted)`;
  return `${grouped(rows)} read, ${grouped(quarantined)} quarantined${mended}${notCounted === 0 ? '' : `, ${grouped(notCounted)} not counted again (duplicates)`}`;
}

/** A version that a newer one has taken the place of is no chunk that is quarantined. */
function chunksText({ chunks, quarantinedNow }: Status): string {
  const earlier = (chunks['quarantined'] ?? 0) - quarantinedNow;
  const text = outcomesText({ ...chunks, quarantined: quarantinedNow }) || 'none';
  return earlier === 0 ? text : `${text} (${counted(earlier, 'earlier version')} quarantined)`;
}

const mostNamed = 5;

function wantsALook({ inSource, grew, changed, files, handedOver, quarantinedNow, running }: Status): string[] {
  const texts: string[] = [];
  if ('error' in inSource) texts.push(`The source cannot be listed: ${inSource.error}`);
  else {
    const { waiting, notChunks } = inSource;
    for (const { key, why } of waiting.slice(0, mostNamed)) texts.push(`${printable(key)} waits: ${why}.`);
    if (waiting.length > mostNamed) texts.push(`${counted(waiting.length - mostNamed, 'more chunk waits', 'more chunks wait')}.`);
    if (notChunks.count > 0) {
      const some = notChunks.count > notChunks.examples.length ? ', such as' : ':';
      texts.push(
        `${counted(notChunks.count, 'object')} in the source ${notChunks.count === 1 ? 'is' : 'are'} no chunk${some} ${listed(notChunks.examples.map(printable))}.`,
      );
    }
  }
  for (const key of grew.slice(0, mostNamed))
    texts.push(`${printable(key)} has grown since it was applied; what it gained is not counted.`);
  if (grew.length > mostNamed) texts.push(soDo(grew.length - mostNamed));
  for (const { key, detail } of files.incidents.slice(0, mostNamed)) texts.push(`${printable(key)} is not published: ${detail}`);
  if (files.incidents.length > mostNamed)
    texts.push(
      `Nor ${files.incidents.length - mostNamed === 1 ? 'is' : 'are'} ${counted(files.incidents.length - mostNamed, 'more file')}.`,
    );
  const unpublished = files.planned - files.published - files.incidents.length;
  if (unpublished > 0 && !running)
    texts.push(`${counted(unpublished, 'file is', 'files are')} planned and not published: start \`tallyho run\`, which publishes first.`);
  for (const name of handedOver.slice(0, mostNamed))
    texts.push(`The mended rows of ${printable(name)} wait: ${running ? 'the detector takes them soon' : '`tallyho run` takes them'}.`);
  if (handedOver.length > mostNamed) texts.push(`So do those of ${counted(handedOver.length - mostNamed, 'more file')}.`);
  if (changed.length > 0)
    texts.push(
      `${counted(changed.length, 'chunk has', 'chunks have')} other bytes than were applied, which do not count: \`tallyho chunks --outcome changed\`.`,
    );
  if (quarantinedNow > 0) texts.push(`${counted(quarantinedNow, 'chunk')} quarantined: \`tallyho chunks --outcome quarantined\`.`);
  return texts;
}
