import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { ObjectInfo, Objects } from '../../src/objects/objects.ts';
import { byteOrder } from './objects-memory.ts';

/** One empty place, and ways to change it behind the back of its `Objects`. */
export interface World {
  readonly objects: Objects;
  /** Another opening of the same place, as a second process would have. */
  open(): Objects;
  overwrite(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

/** Byte order and the order of JS strings differ for the last two; `chunk_0010` and its kin have folders sort among files. */
export const nastyNames = [
  'chunk_0010-.csv',
  'chunk_0010/x.csv',
  'chunk_0010.csv',
  'chunk_0010',
  'chunk_0010.csv.gz',
  'chunk_0010 /x y.csv',
  ' leading',
  'trailing ',
  '²2.csv',
  'café 0.csv',
  'cafe\u0301 0.csv',
  'a+b&c=d?e#f%20.csv',
  'quote\'s "double".csv',
  'back\\slash.csv',
  'star*[12]?.csv',
  'customer=evil/part.csv',
  'a/b/c/d/e/f.csv',
  'a/b!/x',
  'a/b-/x',
  'a.b/x',
  '~tilde',
  '日本/語.csv',
  '\u{1F600}.csv',
  '\uFF5E.csv',
];

/** What any implementation of `Objects` owes; each test has a place of its own. */
export function objectsContract(name: string, make: () => Promise<World>): void {
  describe(`objects: ${name}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await make();
    });
    afterEach(() => world.close());

    const put = async (...keys: string[]): Promise<void> => {
      for (const key of keys) expect(await world.objects.put(key, Buffer.from(key))).toBe('put');
    };

    test('an empty place lists nothing', async () => {
      expect(await listed(world.objects)).toEqual([]);
      expect(await world.objects.folders()).toEqual([]);
    });

    test('lists every object once, in the byte order of whole keys', async () => {
      const names = nastyNames.filter((key) => !nastyNames.some((other) => other.startsWith(`${key}/`)));
      await put(...names);
      const objects = await listed(world.objects);
      expect(objects.map(({ key }) => key)).toEqual(names.toSorted(byteOrder));
      for (const { key, size } of objects) expect(size).toBe(Buffer.byteLength(key));
    });

    test('lists any keys in byte order', async () => {
      let n = 0;
      const component = fc.stringMatching(/^[a-c.\-!0 é\u{FF5E}\u{1F600}]{1,3}$/u).filter((text) => text !== '.' && text !== '..');
      const keys = fc.uniqueArray(
        fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
        { maxLength: 20 },
      );
      await fc.assert(
        fc.asyncProperty(keys, async (keys) => {
          const prefix = `run ${String(n++).padStart(5, '0')}/`;
          const whole = keys.filter((key) => !keys.some((other) => other.startsWith(`${key}/`)));
          for (const key of whole) await world.objects.put(prefix + key, Buffer.alloc(0));
          const found = (await listed(world.objects, prefix)).map(({ key }) => key);
          expect(found).toEqual(whole.map((key) => prefix + key).sort(byteOrder));
        }),
        { numRuns: 50 },
      );
    });

    test('lists more objects than fit on a page', async () => {
      const keys = Array.from({ length: 1203 }, (_, i) => `${i % 7}/${i}.csv`);
      await Promise.all(keys.map((key) => world.objects.put(key, Buffer.alloc(0))));
      expect((await listed(world.objects)).map(({ key }) => key)).toEqual(keys.toSorted(byteOrder));
    });

    test('lists what lies below a folder, with whole keys', async () => {
      await put('a.csv', 'a/0.csv', 'a/b/1.csv', 'a0/2.csv', 'b/3.csv');
      expect((await listed(world.objects, 'a/')).map(({ key }) => key)).toEqual(['a/0.csv', 'a/b/1.csv']);
      expect(await listed(world.objects, 'missing/')).toEqual([]);
    });

    test('names the folders below the root', async () => {
      await put('a.csv', 'b/x', 'b/c/x', 'a-/x', 'é/x');
      expect(await world.objects.folders()).toEqual(['a-', 'b', 'é']);
    });

    test('a version stays while nothing changes, and differs after a change of the same size', async () => {
      await put('a.csv', 'b.csv');
      const before = await listed(world.objects);
      expect(await listed(world.objects)).toEqual(before);
      await world.overwrite('a.csv', Buffer.from('A.csv'));
      const after = await listed(world.objects);
      expect(after[0]!.version).not.toBe(before[0]!.version);
      expect(after[1]).toEqual(before[1]);
    });

    test.each([0, 1, 4095, 1 << 20, (1 << 20) + 1, 3_500_000])('reads back %i bytes', async (size) => {
      const bytes = pattern(size);
      await world.objects.put('x', bytes);
      const [object] = await listed(world.objects);
      const blocks: Uint8Array[] = [];
      for await (const block of world.objects.read(object!)) blocks.push(block);
      expect(Buffer.compare(Buffer.concat(blocks), bytes)).toBe(0);
      expect(blocks.every((block) => block.length > 0)).toBe(true);
      expect(Buffer.compare((await world.objects.get('x'))!, bytes)).toBe(0);
    });

    test('reads the version that was listed, or says OBJECT_CHANGED', async () => {
      await put('a.csv');
      const [object] = await listed(world.objects);
      await world.overwrite('a.csv', Buffer.from('A.csv'));
      await expect(drain(world.objects.read(object!))).rejects.toMatchObject({ code: 'OBJECT_CHANGED' });
    });

    test('says OBJECT_MISSING for what was removed', async () => {
      await put('a/b.csv');
      const [object] = await listed(world.objects);
      await world.remove('a/b.csv');
      await expect(drain(world.objects.read(object!))).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
    });

    test('gets null for what is not there', async () => {
      await put('a/b.csv');
      expect(await world.objects.get('c')).toBeNull();
      expect(await world.objects.get('a')).toBeNull();
      expect(await world.objects.get('a/b/c')).toBeNull();
    });

    test('puts if absent, and never overwrites', async () => {
      expect(await world.objects.put('a/b.csv', Buffer.from('one'))).toBe('put');
      expect(await world.open().put('a/b.csv', Buffer.from('one'))).toBe('same');
      expect(await world.objects.put('a/b.csv', Buffer.from('two'))).toBe('other');
      expect(await world.objects.put('a/b.csv', Buffer.from('one longer'))).toBe('other');
      expect(await world.objects.put('a/b.csv', Buffer.alloc(0))).toBe('other');
      expect(Buffer.from((await world.open().get('a/b.csv'))!).toString()).toBe('one');
    });

    test('of 20 writers of different bytes one puts, and its bytes stand', async () => {
      for (let round = 0; round < 10; round++) {
        const key = `round ${round}/x.csv`;
        const results = await Promise.all(Array.from({ length: 20 }, (_, i) => world.open().put(key, Buffer.from(`writer ${i}`))));
        expect(results.filter((result) => result === 'put')).toHaveLength(1);
        expect(results.filter((result) => result === 'other')).toHaveLength(19);
        expect(Buffer.from((await world.objects.get(key))!).toString()).toBe(`writer ${results.indexOf('put')}`);
      }
    });

    test('of 20 writers of the same bytes one puts, the others find the same', async () => {
      const bytes = pattern(100_000);
      for (let round = 0; round < 10; round++) {
        const results = await Promise.all(Array.from({ length: 20 }, () => world.open().put(`${round}/x.csv`, bytes)));
        expect(results.toSorted()).toEqual(['put', ...Array.from({ length: 19 }, () => 'same')]);
      }
    });

    test('nobody sees a part of an object while it is put', async () => {
      const bytes = pattern(2_000_000);
      const writer = { done: false };
      const writing = (async () => {
        for (let i = 0; i < 20; i++) await world.objects.put(`big/${i}`, bytes);
        writer.done = true;
      })();
      const reader = world.open();
      while (!writer.done) for (const object of await listed(reader)) expect(object.size, object.key).toBe(bytes.length);
      await writing;
    });

    test('sweeping leaves every object where it is', async () => {
      await put('a.csv', 'b/.tmp-mine', 'c/d/e');
      await world.objects.sweep();
      expect((await listed(world.objects)).map(({ key }) => key)).toEqual(['a.csv', 'b/.tmp-mine', 'c/d/e']);
    });

    test('an aborted signal ends a listing, a reading and a put', async () => {
      await put('a.csv');
      const [object] = await listed(world.objects);
      const signal = AbortSignal.abort(new Error('enough'));
      await expect(drain(world.objects.list(signal))).rejects.toThrow('enough');
      await expect(drain(world.objects.read(object!, signal))).rejects.toThrow('enough');
      await expect(world.objects.put('b.csv', Buffer.from('b'), signal)).rejects.toThrow('enough');
      expect(await world.objects.get('b.csv')).toBeNull();
    });

    test('its url is for people, and ends with a slash', () => {
      expect(world.objects.url).toMatch(/\/$/);
    });
  });
}

export async function listed(objects: Objects, under?: string): Promise<ObjectInfo[]> {
  const all: ObjectInfo[] = [];
  for await (const page of objects.list(undefined, under)) all.push(...page.objects);
  return all;
}

export async function drain(blocks: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of blocks);
}

export function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

export const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof TallyhoError ? error.code : String(error)),
  );
