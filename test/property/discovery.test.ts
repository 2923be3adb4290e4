import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ChunkVersion } from '../../src/objects/chunk.ts';
import { discoverChunks, discoverWork } from '../../src/objects/discovery/discover.ts';
import type { Known } from '../../src/objects/discovery/merge-known.ts';
import { byteOrder, MemoryObjects } from '../helpers/objects-memory.ts';

/**
 * Discovery against the words of DESIGN.md 5, read one key at a time over the whole set: no order, no state, no streaming.
 * Markers are _SUCCESS only; the others have their tables in test/unit/discovery-folder.test.ts.
 */
function naive(keys: readonly string[]) {
  const isData = (name: string): boolean => /\.(csv|csv\.gz|parquet)$/.test(name);
  const chunks = new Map<string, { object: boolean; folder: boolean; parts: string[]; success: boolean }>();
  const entry = (key: string) => {
    const made = chunks.get(key) ?? { object: false, folder: false, parts: [], success: false };
    chunks.set(key, made);
    return made;
  };
  let others = 0;
  for (const key of keys) {
    const components = key.split('/');
    const name = components.at(-1)!;
    const folders = components.slice(0, -1);
    const outermost = folders.findIndex((folder) => /\.(csv|parquet)$/.test(folder) && !/^[._]/.test(folder));
    const hiddenFolder = folders.some((folder) => /^[._]/.test(folder));
    const direct = outermost !== -1 && outermost === folders.length - 1;
    if (!hiddenFolder && direct && name === '_SUCCESS') {
      const chunk = entry(folders.join('/'));
      chunk.folder = true;
      chunk.success = true;
    } else if (hiddenFolder || /^[._]/.test(name) || !isData(name) || (outermost !== -1 && !direct)) others++;
    else if (direct) {
      const chunk = entry(folders.join('/'));
      chunk.folder = true;
      chunk.parts.push(key);
    } else entry(key).object = true;
  }
  const found = [...chunks].map(([key, { object, folder, parts, success }]) => {
    const state = object && folder ? 'ambiguous' : folder && !success ? 'waiting' : 'ready';
    return { key, folder, state, parts: state !== 'ready' ? [] : folder ? parts.sort(byteOrder) : [key] };
  });
  return { found: found.sort((a, b) => byteOrder(a.key, b.key)), others };
}

const component = fc.constantFrom(
  'a',
  'a.csv',
  'a.csv-',
  'a.csv.gz',
  'a.csv!',
  'b.parquet',
  '.h.csv',
  '_t',
  'x',
  'x y',
  '0',
  '\u{1F600}.csv',
  '\uFF5E',
);
const file = fc.constantFrom(
  'a.csv',
  'a.csv-.csv',
  'a.csv!.csv',
  'a.csv.gz',
  'b.parquet',
  '_SUCCESS',
  'n.txt',
  '_x.csv',
  '.h.csv',
  '\u{1F600}.csv',
  '\uFF5E.csv',
);
const key = fc.tuple(fc.array(component, { maxLength: 3 }), file).map(([folders, name]) => [...folders, name].join('/'));
const keySet = fc.uniqueArray(key, { maxLength: 40 });

const patience = { waitFor: 1000, now: 5000 };
const fill = (keys: readonly string[], pageSize: number): MemoryObjects => {
  const objects = new MemoryObjects(pageSize);
  for (const key of keys) objects.set(key);
  return objects;
};
const shown = (chunk: ChunkVersion) => ({
  key: chunk.key,
  folder: chunk.folder,
  state: chunk.state.kind,
  parts: chunk.parts.map((part) => part.key).sort(byteOrder),
});
async function* none(): AsyncGenerator<Known[]> {}

test('streaming over pages of any size finds what reading the words finds', async () => {
  await fc.assert(
    fc.asyncProperty(keySet, fc.integer({ min: 1, max: 7 }), async (keys, pageSize) => {
      const { work, notChunks } = await discoverWork(fill(keys, pageSize), none(), patience);
      const { found, others } = naive(keys);
      expect(work.map(({ chunk }) => shown(chunk)).sort((a, b) => byteOrder(a.key, b.key))).toEqual(found);
      expect(notChunks.count).toBe(others);
      expect(work.every(({ known }) => known === null)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test('PROTOCOL 6: of all that is known, only changes are work: a poll after a poll', async () => {
  const lists = fc.tuple(keySet, keySet, fc.array(fc.nat(), { maxLength: 5 }), fc.integer({ min: 1, max: 7 }));
  await fc.assert(
    fc.asyncProperty(lists, async ([keys, later, touched, pageSize]) => {
      const objects = fill(keys, pageSize);
      const place = (chunk: { key: string; folder: boolean }): string => (chunk.folder ? `${chunk.key}/` : chunk.key);
      const first = (await discoverWork(objects, none(), patience)).work.map(({ chunk }): Known => {
        const outcome = chunk.state.kind === 'waiting' ? 'waiting' : chunk.state.kind === 'ready' ? 'applied' : 'quarantined';
        return { key: chunk.key, folder: chunk.folder, version: chunk.version, outcome };
      });
      const ledger = new Map(first.map((line) => [line.key, line]));
      async function* known(): AsyncGenerator<Known[]> {
        for (const line of first.sort((a, b) => byteOrder(place(a), place(b)))) yield [line];
      }

      for (const key of later) if (!keys.includes(key)) objects.set(key);
      for (const i of touched) if (keys.length > 0) objects.set(keys[i % keys.length]!, 'touched');

      const now = new Map<string, ChunkVersion>();
      // Byte order: a folder comes after the object of its name, and takes it back.
      for await (const page of discoverChunks(objects, patience)) for (const chunk of page) now.set(chunk.key, chunk);
      const expected = [...now.values()]
        .filter((chunk) => ledger.get(chunk.key)?.version !== chunk.version || ledger.get(chunk.key)!.outcome === 'waiting')
        .map((chunk) => ({ ...shown(chunk), known: ledger.get(chunk.key) ?? null }));
      const { work } = await discoverWork(objects, known(), patience);
      const found = work.map(({ chunk, known }) => ({ ...shown(chunk), known }));
      expect(found.sort((a, b) => byteOrder(a.key, b.key))).toEqual(expected.sort((a, b) => byteOrder(a.key, b.key)));
    }),
    { numRuns: 1000 },
  );
});
