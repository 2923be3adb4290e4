/** What a run did, for people. */
import { printable } from '../objects/key.ts';
import type { RunSummary } from '../pipeline/summary.ts';
import type { Elsewhere } from '../objects/discovery/find-elsewhere.ts';
import { elsewhereText } from './elsewhere.ts';
import { pairs } from './table.ts';
import { counted, grouped, lasting, listed } from './words.ts';

const outcomes = ['applied', 'quarantined', 'duplicate', 'changed', 'empty', 'waiting'] as const;

export interface SummaryContext {
  readonly source: string;
  readonly sink: string;
  /** Action of each pattern, by id. */
  readonly actions: ReadonlyMap<string, string>;
  /** Whether the source was listed before the end, and no chunk was ever seen there: neither now nor by an earlier run. */
  readonly isEmpty: boolean;
  /** Whether everything was evaluated again by changed patterns: an entry of its own, whatever it found. */
  readonly isReevaluated: boolean;
  /** Whether it was told to end before a listing said that there is nothing to do. */
  readonly isCutShort: boolean;
  /** Chunks that lie beside an empty source. */
  readonly elsewhere: readonly Elsewhere[];
}

export function outcomesText(counts: RunSummary['outcomes']): string {
  return outcomes
    .flatMap((outcome) => (counts[outcome] === undefined || counts[outcome] === 0 ? [] : [`${grouped(counts[outcome])} ${outcome}`]))
    .join(', ');
}

export function detectionLines(detections: RunSummary['detections'], actions: ReadonlyMap<string, string>): string[] {
  const width = Math.max(0, ...detections.map(({ count }) => grouped(count).length));
  return pairs(
    detections.map(
      ({ patternId, count }) => [printable(patternId), `${grouped(count).padStart(width)}  ${actions.get(patternId) ?? ''}`] as const,
    ),
    '    ',
  );
}

export function summaryText(summary: RunSummary, context: SummaryContext): string[] {
  const { source, sink, actions, isEmpty, isReevaluated, isCutShort, elsewhere } = context;
  const { rows, quarantinedRows, notCountedRows, detections, files, incidents, grew } = summary;
  const chunks = outcomesText(summary.outcomes);
  const total = detections.reduce((sum, { count }) => sum + count, 0);
  const nothing = !isReevaluated && chunks === '' && total === 0 && files === 0;
  const standing = nothing && summary.lastSequence > 0 ? `: entry ${grouped(summary.lastSequence)} is still the last` : '';
  const changed = isReevaluated ? ', with changed patterns' : '';
  const seconds = lasting(summary.seconds * 1000);
  const ended =
    nothing && isCutShort ? `Stopped after ${seconds}, before any chunk was taken` : `${nothing ? 'Nothing new' : 'Done'} after ${seconds}`;
  const lines = [`${ended}${standing}${changed}.`];
  if (!nothing) {
    lines.push(
      ...pairs([
        ['chunks', chunks === '' ? 'none' : chunks],
        [
          'rows',
          [
            `${grouped(rows)} read`,
            ...(quarantinedRows === 0 ? [] : [`${grouped(quarantinedRows)} quarantined (see \`tallyho rejected\`)`]),
            ...(notCountedRows === 0 ? [] : [`${grouped(notCountedRows)} not counted again (duplicates)`]),
          ].join(', '),
        ],
        ['detections', grouped(total)],
      ]),
      ...detectionLines(detections, actions),
      ...pairs([['files', files === 0 ? 'none' : `${grouped(files)} in ${sink}`]]).map((line) => line.replace('files', 'files     ')),
    );
  }
  if (isEmpty && chunks === '' && summary.lastSequence === 0) lines.push(...emptySource(summary, source), ...elsewhereLines(elsewhere));
  for (const key of grew.slice(0, 5))
    lines.push(`${printable(key)} has grown since it was applied; what it gained is not counted. Write it as a chunk of its own.`);
  if (grew.length > 5) lines.push(soDo(grew.length - 5));
  if (incidents > 0)
    lines.push(`${counted(incidents, 'file')} could not be published, because other bytes stand under that name: see \`tallyho status\`.`);
  return lines;
}

/** Goes on after chunks that have grown. */
export function soDo(more: number): string {
  return `So ${more === 1 ? 'has' : 'have'} ${counted(more, 'more chunk')}.`;
}

/** Whoever writes the chunks and whoever reads them may have been given different places. */
function elsewhereLines(elsewhere: readonly Elsewhere[]): string[] {
  if (elsewhere.length === 0) return [];
  return [`  But ${listed(elsewhere.map(elsewhereText))}. Is source.url the place that they are written to?`];
}

/** What was looked for, and where: most often the data lies elsewhere. */
export function emptySource({ notChunks }: Pick<RunSummary, 'notChunks'>, source: string): string[] {
  const lines = [
    `There is no chunk in ${source}`,
    '  Looked for NAME.csv, NAME.csv.gz and NAME.parquet, and for folders NAME.csv/ and NAME.parquet/, in all folders below.',
  ];
  if (notChunks.count > 0) {
    const some = notChunks.count > notChunks.examples.length ? ', among them' : ':';
    lines.push(`  ${counted(notChunks.count, 'other file')} there${some} ${listed(notChunks.examples.map(printable))}.`);
  } else {
    lines.push('  Nothing else lies there either. Do the chunks arrive under another path? The setting is source.url.');
  }
  return lines;
}
