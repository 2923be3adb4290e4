/** The source: can it be listed and read, and do chunks arrive there at all? */
import type { Config } from '../../config/config.ts';
import type { ChunkVersion } from '../../objects/chunk.ts';
import { assertApart } from '../../objects/assert-apart.ts';
import { discoverChunks } from '../../objects/discovery/discover.ts';
import { printable } from '../../objects/key.ts';
import { openObjects } from '../../objects/open-objects.ts';
import type { ObjectInfo, Objects } from '../../objects/objects.ts';
import { s3ClockAhead } from '../../objects/s3/probe.ts';
import { assertFolders } from '../assert-folders.ts';
import { splitPlace } from '../compose.ts';
import { elsewhereText, findElsewhereOf } from '../elsewhere.ts';
import { referenceKeys } from '../source-view.ts';
import { counted, listed, placeText, sized } from '../words.ts';
import { type Check, type Finding, joined, ok, warning } from './check.ts';
import type { Clocks } from './clocks.ts';

/** A look is enough: so many chunks are counted, or for so long. */
const mostChunks = 10_000;
const longestMs = 4_000;

interface Seen {
  chunks: number;
  waiting: number;
  all: boolean;
  first: ChunkVersion | null;
}

export function sourceChecks(config: Config, clocks: Clocks): Check[] {
  const seen: Seen = { chunks: 0, waiting: 0, all: true, first: null };
  const checks: Check[] = [
    { name: 'source', look: (signal) => lookAtSource(config, seen, clocks, signal) },
    { name: 'places', needs: ['source'], look: (signal) => lookAtPlaces(config, seen, signal) },
  ];
  if (config.weight.kind === 'reference') checks.push({ name: 'reference', look: (signal) => lookAtReference(config, signal) });
  return checks;
}

async function lookAtSource(config: Config, seen: Seen, clocks: Clocks, signal: AbortSignal): Promise<Finding> {
  const { url, location, waitForMs } = config.source;
  const source = openObjects(url, { role: 'source', base: config.folder, s3: config.s3, patient: false });
  try {
    const started = performance.now();
    const discovery = discoverChunks(source, { waitFor: waitForMs, now: Date.now(), exclude: await referenceKeys(config), signal });
    for await (const page of discovery) {
      for (const chunk of page) {
        seen.chunks++;
        if (chunk.state.kind === 'waiting') seen.waiting++;
        if (chunk.parts.some(({ size }) => size > 0)) seen.first ??= chunk;
      }
      if (seen.chunks >= mostChunks || performance.now() - started > longestMs) {
        seen.all = false;
        break;
      }
    }
    const place = placeText(config.source);
    if (location.kind === 's3') clocks.note(`the store of ${url}`, await s3ClockAhead(location, config.s3, signal));
    if (seen.chunks === 0) return ok(`${place} can be listed, and holds no chunk yet, so reading one was not tried`);
    const count = `${seen.all ? '' : 'at least '}${counted(seen.chunks, 'chunk')}`;
    const waiting = seen.waiting === 0 ? '' : `, ${counted(seen.waiting, 'of them waits', 'of them wait')}`;
    const part = seen.first?.parts.find(({ size }) => size > 0);
    const read = part === undefined ? '' : `; ${printable(part.key)} (${sized(part.size)}) can be read`;
    if (part !== undefined) await readSome(source, part, signal);
    return ok(`${place}: ${count}${waiting}${read}`);
  } finally {
    await source.close();
  }
}

/** The first block: the right to read is all that is asked for. */
async function readSome(source: Objects, part: ObjectInfo, signal: AbortSignal): Promise<void> {
  for await (const _ of source.read(part, signal)) break;
}

/** Source, sink and state must lie apart; and whoever writes the chunks must mean the same place. */
async function lookAtPlaces(config: Config, seen: Seen, signal: AbortSignal): Promise<Finding> {
  const { source, sink, store } = config;
  const places = { source: source.location, sink: sink.location, state: store.kind === 'private' ? store.folder : null };
  await assertFolders(places);
  await assertApart(places);
  const apart = ok(`source, sink${store.kind === 'private' ? ' and state' : ''} lie apart`);
  if (seen.chunks > 0) return apart;
  const elsewhere = await findElsewhereOf(config, signal);
  if (elsewhere.length === 0) return apart;
  const mend = `Set source.url to where the chunks are written, or have them written to ${placeText(source)}.`;
  return joined([apart, warning(`the source is empty, but ${listed(elsewhere.map(elsewhereText))}`, mend)]);
}

async function lookAtReference(config: Config, signal: AbortSignal): Promise<Finding> {
  const { weight } = config;
  if (weight.kind !== 'reference') return ok('none');
  const { folder, key } = splitPlace(weight.file);
  const objects = openObjects(folder, { role: 'source', base: config.folder, s3: config.s3, patient: false });
  try {
    const bytes = await objects.get(key, signal);
    const place = placeText(weight.file);
    if (bytes === null)
      return { state: 'failed', found: `${place} is not there`, mend: `Put the file there, or mend weight.file in ${config.file}.` };
    return ok(`${place} (${sized(bytes.length)}) can be read`);
  } finally {
    await objects.close();
  }
}
