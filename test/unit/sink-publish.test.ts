import { describe, expect, test } from 'vitest';
import { findAhead } from '../../src/sink/find-ahead.ts';
import { nextToPublish } from '../../src/sink/next-to-publish.ts';
import { planFiles } from '../../src/sink/plan-files.ts';
import { publish } from '../../src/sink/publish.ts';
import { MemoryObjects } from '../helpers/objects-memory.ts';

const file = (key: string, sequence: number, incident: string | null = null) => ({ key, folder: key.split('/')[0]!, sequence, incident });
const folder = (name: string, sequence: number) =>
  ['evidence-1.jsonl', 'evidence-2.jsonl', 'detections-2.csv', 'detections-1.csv'].map((file_) => file(`${name}/${file_}`, sequence));

/** Drives the decision as the pipeline does; `bad` are keys under which other bytes stand. */
function run(files: ReturnType<typeof file>[], bad: readonly string[] = [], incidentFolders: readonly string[] = []) {
  let pending = files;
  const incidents = new Set(incidentFolders);
  const batches: string[][] = [];
  while (true) {
    const batch = nextToPublish(pending, incidents);
    if (batch.length === 0) return { batches, held: pending.map(({ key }) => key) };
    batches.push(batch.map(({ key }) => key));
    for (const { key, folder } of batch) if (bad.includes(key)) incidents.add(folder);
    pending = pending.filter((file) => !batch.includes(file));
  }
}

describe('what is published next', () => {
  test('evidence, then detections, then the first detections file; folder after folder', () => {
    const files = [...folder('b', 12), ...folder('a', 7)];
    const { batches, held } = run(files);
    expect(batches).toEqual([
      ['a/evidence-1.jsonl', 'a/evidence-2.jsonl'],
      ['a/detections-2.csv'],
      ['a/detections-1.csv'],
      ['b/evidence-1.jsonl', 'b/evidence-2.jsonl'],
      ['b/detections-2.csv'],
      ['b/detections-1.csv'],
    ]);
    expect(held).toEqual([]);
  });

  test('an incident holds up the first detections file of its folder, and nothing else', () => {
    const { batches, held } = run([...folder('a', 7), ...folder('b', 12)], ['a/evidence-2.jsonl']);
    expect(batches.flat()).toEqual([...folder('a', 7).slice(0, 3), ...folder('b', 12)].map(({ key }) => key));
    expect(held).toEqual(['a/detections-1.csv']);
  });

  test('an incident found in an earlier run holds it up too', () => {
    expect(run(folder('a', 7).slice(3), [], ['a']).batches).toEqual([]);
    expect(run([file('a/evidence-1.jsonl', 7, 'other bytes'), ...folder('a', 7).slice(3)]).batches).toEqual([]);
  });

  test('nothing pending, nothing to do', () => {
    expect(nextToPublish([], new Set())).toEqual([]);
  });
});

describe('publishing', () => {
  const planned = planFiles({
    detections: [{ pattern: 0, entity: 0, values: ['M1'], conditions: [] }],
    patterns: [{ id: 'p', action: 'A', entity: ['merchant'], fingerprint: 'f' }],
    sequence: 1,
    chunk: 'x.csv',
    detectionTime: new Date(0),
    startTime: new Date(0),
    timeZone: 'UTC',
  });

  test('puts the planned bytes; again is the same; other bytes stay', async () => {
    const objects = new MemoryObjects();
    const [first, second] = planned.files;
    expect(await publish(objects, first!)).toBe('put');
    expect(await publish(objects, first!)).toBe('same');
    objects.set(second!.key, 'somebody else');
    expect(await publish(objects, second!)).toBe('other');
    expect(Buffer.from((await objects.get(second!.key))!).toString()).toBe('somebody else');
  });

  test('PROTOCOL 4.1: never puts bytes that are not what was planned', async () => {
    const objects = new MemoryObjects();
    await expect(publish(objects, { ...planned.files[0]!, bytes: Buffer.from('torn') })).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await objects.folders()).toEqual([]);
  });
});

describe('an output that is ahead of the database', () => {
  const output = (...folders: string[]): MemoryObjects => {
    const objects = new MemoryObjects();
    for (const folder of folders) objects.set(`${folder}/detections-1.csv`);
    return objects;
  };
  const t = '20261122T130000.123';
  const all = async (names: readonly string[]): Promise<ReadonlySet<string>> => new Set(names);

  test('folders that were planned are ours', async () => {
    expect(await findAhead(output(`${t}-1`, `${t}-2`), all, 2)).toEqual([]);
  });

  test('a sequence number above the last one', async () => {
    const planned = async (): Promise<ReadonlySet<string>> => new Set([`${t}-2`]);
    expect(await findAhead(output(`${t}-2`, `${t}-3`, `${t}-99999999999999999999`), planned, 2)).toEqual([
      { name: `${t}-3`, why: 'above' },
      { name: `${t}-99999999999999999999`, why: 'above' },
    ]);
  });

  test('one that was adopted is ours, whatever its number', async () => {
    expect(await findAhead(output(`${t}-3`), all, 2)).toEqual([]);
  });

  test('a folder that the database did not plan', async () => {
    expect(await findAhead(output(`${t}-1`, '20250101T000000.000-1'), async () => new Set([`${t}-1`]), 2)).toEqual([
      { name: '20250101T000000.000-1', why: 'unplanned' },
    ]);
  });

  test('folders of another form are none of our business', async () => {
    expect(await findAhead(output('notes', '_temporary', `${t}-x`, t), async () => new Set(), 0)).toEqual([]);
  });

  test('the database is asked in batches', async () => {
    const sizes: number[] = [];
    const names = Array.from({ length: 2500 }, (_, i) => `${t}-${i}`);
    await findAhead({ folders: async () => names }, async (batch) => (sizes.push(batch.length), new Set(batch)), 2500);
    expect(sizes).toEqual([1000, 1000, 500]);
  });
});
