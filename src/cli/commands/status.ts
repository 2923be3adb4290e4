/** `tallyho status`: where the pipeline stands, and what wants a look. */
import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { TallyhoError } from '../../core/error.ts';
import { printable } from '../../objects/key.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { stdout } from '../output.ts';
import { type JsonFlag, jsonFlag, type Reading, withReading } from '../reading.ts';
import type { SourceView } from '../source-view.ts';
import { detectionLines, outcomesText } from '../summary-text.ts';
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
  /** Of the last entry; null before the first. */
  readonly sequence: number | null;
  /** The statistics tables are exact as of this entry. */
  readonly watermark: number | null;
  readonly chunks: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly quarantined: number;
  readonly detections: readonly { readonly patternId: string; readonly count: number }[];
  readonly files: {
    readonly planned: number;
    readonly published: number;
    readonly incidents: readonly { readonly key: string; readonly detail: string }[];
  };
  /** Chunks that have grown since they were applied. */
  readonly grew: readonly string[];
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
  const grew: string[] = [];
  for await (const page of reader.chunks({ outcome: 'changed' })) for (const { key, reason } of page) if (reason === 'grew') grew.push(key);
  const started = pipeline.basis !== null;
  return {
    ...(await commonStatus(config)),
    store: reader.describe,
    running: pipeline.held,
    sequence: started ? pipeline.lastSequence : null,
    watermark: started ? pipeline.foldedSequence : null,
    chunks: counts.outcomes,
    rows: counts.rows,
    quarantined: counts.quarantinedRows,
    detections: counts.detections,
    files,
    grew: [...new Set(grew)],
  };
}

async function emptyStatus(config: Config): Promise<Status> {
  return {
    ...(await commonStatus(config)),
    store: config.store.kind === 'private' ? `private PostgreSQL in ${config.store.folder}` : `PostgreSQL, schema ${config.pipeline}`,
    running: false,
    sequence: null,
    watermark: null,
    chunks: {},
    rows: 0,
    quarantined: 0,
    detections: [],
    files: { planned: 0, published: 0, incidents: [] },
    grew: [],
  };
}

/** What the config and the source say. A source that cannot be listed is no reason to say nothing. */
async function commonStatus(config: Config): Promise<Pick<Status, 'pipeline' | 'source' | 'sink' | 'inSource'>> {
  const { viewSource } = await import('../source-view.ts');
  const inSource = await viewSource(config).catch((error: unknown) => {
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
    state.sequence === null
      ? 'nothing is decided yet'
      : `entry ${grouped(state.sequence)}; statistics tables as of entry ${grouped(state.watermark ?? 0)}`;
  const lines = [
    ...pairs([
      ['pipeline', `${state.pipeline} (${state.running ? 'a detector is running' : 'no detector is running'})`],
      ['source', state.source],
      ['sink', state.sink],
      ['store', state.store],
      ['stands at', standing],
      ['chunks', outcomesText(state.chunks) || 'none'],
      ['rows', `${grouped(state.rows)} read, ${grouped(state.quarantined)} quarantined`],
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

const mostNamed = 5;

function wantsALook({ inSource, grew, files, chunks }: Status): string[] {
  const texts: string[] = [];
  if ('error' in inSource) texts.push(`The source cannot be listed: ${inSource.error}`);
  else {
    const { waiting, notChunks } = inSource;
    for (const { key, why } of waiting.slice(0, mostNamed)) texts.push(`${printable(key)} waits: ${why}.`);
    if (waiting.length > mostNamed) texts.push(`${counted(waiting.length - mostNamed, 'more chunk')} wait.`);
    if (notChunks.count > 0) {
      const some = notChunks.count > notChunks.examples.length ? ', such as' : ':';
      texts.push(
        `${counted(notChunks.count, 'object')} in the source ${notChunks.count === 1 ? 'is' : 'are'} no chunk${some} ${listed(notChunks.examples.map(printable))}.`,
      );
    }
  }
  for (const key of grew.slice(0, mostNamed))
    texts.push(`${printable(key)} has grown since it was applied; what it gained is not counted.`);
  if (grew.length > mostNamed) texts.push(`So have ${counted(grew.length - mostNamed, 'more chunk')}.`);
  for (const { key, detail } of files.incidents.slice(0, mostNamed)) texts.push(`${printable(key)} is not published: ${detail}`);
  if (files.incidents.length > mostNamed) texts.push(`Nor are ${counted(files.incidents.length - mostNamed, 'more file')}.`);
  if ((chunks['quarantined'] ?? 0) > 0)
    texts.push(`${counted(chunks['quarantined'] ?? 0, 'chunk')} quarantined: \`tallyho chunks --outcome quarantined\`.`);
  return texts;
}
