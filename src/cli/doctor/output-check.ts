/** Whether the output is of this state: after a restored backup, or a state folder that was deleted, it may be ahead (PROTOCOL.md 4.5). */
import type { Config } from '../../config/config.ts';
import { openObjects } from '../../objects/open-objects.ts';
import { findAhead } from '../../sink/find-ahead.ts';
import { openReader } from '../open-store.ts';
import { printable } from '../../objects/key.ts';
import { counted, placeText } from '../words.ts';
import { isThere } from './sink-check.ts';
import { type Check, failed, type Finding, ok } from './check.ts';

/** `isReadable`: whether the schema can be read as it is. */
export function outputCheck(config: Config, isReadable: () => boolean): Check {
  return { name: 'output', needs: ['sink', 'pipeline'], look: (signal) => lookAtOutput(config, isReadable(), signal) };
}

async function lookAtOutput(config: Config, isReadable: boolean, signal: AbortSignal): Promise<Finding> {
  if (!isReadable) return ok('is looked at once the schema is brought up');
  const { sink, s3 } = config;
  if (sink.location.kind === 'file' && !(await isThere(sink.location.path))) return ok('holds nothing yet');
  const objects = openObjects(sink.url, { role: 'sink', base: config.folder, s3, patient: false });
  const reader = await openReader(config);
  try {
    // Listed before the ledger is asked: a detector that runs plans before it publishes.
    const folders = await objects.folders(signal);
    const pipeline = (await reader?.pipeline()) ?? null;
    const planned = async (names: readonly string[]): Promise<ReadonlySet<string>> => (await reader?.plannedFolders(names)) ?? new Set();
    const ahead = await findAhead({ folders: () => Promise.resolve(folders) }, planned, pipeline?.lastSequence ?? 0);
    const [first] = ahead;
    if (first === undefined) return incidentsIn((await reader?.files())?.incidents ?? []);
    return failed(
      `${placeText(sink)} holds ${counted(ahead.length, 'folder')} that this state did not plan, such as ${first.name}, so a detector refuses to start`,
      'Bring back the state that wrote it (`tallyho state import FILE`), let what is there count as detected (`tallyho run --adopt`), or name another output in `sink`.',
    );
  } finally {
    await reader?.close();
    await objects.close();
  }
}

/** Files of ours that could not be published: a start ends with 1 as long as there are any. */
function incidentsIn(incidents: readonly { readonly key: string }[]): Finding {
  const [first] = incidents;
  if (first === undefined) return ok('holds nothing that this state did not plan');
  return failed(
    `${counted(incidents.length, 'file')} could not be published, because other bytes stand under that name, such as ${printable(first.key)}`,
    'Move that object away and start again; `tallyho status` names all.',
  );
}
