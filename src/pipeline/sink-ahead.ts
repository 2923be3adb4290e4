/** Refuses an output that holds what this state did not plan: a restored backup, a deleted state folder (PROTOCOL.md 4.5). */
import { TallyhoError } from '../core/error.ts';
import { type AheadFolder, findAhead } from '../sink/find-ahead.ts';
import type { Writer } from '../store/store.ts';
import type { PipelineOptions } from './options.ts';

/** Those folders, if they are to be adopted; else it throws if there are any. */
export async function assertSinkNotAhead(options: PipelineOptions, writer: Writer): Promise<readonly AheadFolder[]> {
  const { lastSequence } = writer.pipeline;
  const ahead = await findAhead(options.sink, (names) => options.store.plannedFolders(names), lastSequence);
  const first = ahead[0];
  if (first === undefined) return [];
  // Whoever took over since our claim has published what we do not know of: then an empty commit says FENCED.
  await writer.commit({ from: lastSequence, to: lastSequence, entries: [], sameContent: [] });
  if (options.adopt === true) return ahead;
  const others = ahead.length === 1 ? '' : ` and ${ahead.length - 1} more`;
  const why = first.why === 'above' ? `the ledger ends at ${lastSequence}` : 'the ledger planned no file there';
  throw new TallyhoError(
    'SINK_AHEAD',
    `The output ${options.sink.url} holds ${first.name}${others}, but ${why}: this state is older than its output, or another's.`,
    {
      mend: 'Bring back the state that wrote it, let what is there count as detected (`tallyho run --adopt`), or name another output in `sink`.',
    },
  );
}
