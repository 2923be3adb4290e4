/**
 * PROTOCOL 2.4: no key and no header reaches an engine as a path, a pattern or an identifier. A file `chunk_[12].csv` that is taken for a
 * pattern reads chunk_1 and chunk_2; a folder `customer=evil/` that is taken for a partition replaces the column customer.
 */
import { expect, test } from 'vitest';
import { parquetOf } from '../helpers/engine-parquet.ts';
import { makeWorld } from '../helpers/pipeline-world.ts';
import { useWorld } from '../helpers/use-world.ts';

const { world, url } = useWorld();

const stems = [
  'chunk_1',
  'chunk_2',
  'chunk_[12]',
  'chunk_*',
  'chunk_?',
  '{chunk_1,chunk_2}',
  '**',
  "it's",
  'x"); drop table chunk; --',
  '%63hunk_1',
  '$(touch x)',
  's3:',
  '~',
  'customer=evil/a',
  'merchant=evil/amount=9/b',
];

/** Each has a merchant, a customer and an amount that no other has. */
const csvOf = (i: number): string =>
  `merchant,customer,amount,gender,"x'); drop table chunk; --","read_csv('*')","count(*)"\nM${i},C${i},${i}.25,F,1,2,3\n`;
const parquet = (i: number): Promise<Buffer> =>
  parquetOf(
    `select 'M${i}' as merchant, 'C${i}' as customer, ${i}.25::decimal(9,2) as amount, 'F' as gender, 1 as "x""); drop", 2 as "count(*)"`,
  );

for (const [kind, make] of [
  ['csv', csvOf],
  ['parquet', parquet],
] as const) {
  test(`PROTOCOL 2.4: ${kind} objects and folders with the names of patterns, partitions and statements are read by themselves`, async () => {
    const twin = await makeWorld(url());
    try {
      for (const [i, stem] of stems.entries()) {
        const content = await make(i + 1);
        world.put(`${stem}.${kind}`, content);
        twin.put(`plain-${i}.${kind}`, content);
      }
      const folder = await make(stems.length + 1);
      world.put(`customer=evil.${kind}/merchant=[12]*.${kind}`, folder);
      world.put(`customer=evil.${kind}/_SUCCESS`, '');
      twin.put(`plain-folder.${kind}`, folder);
      await world.run();
      await twin.run();
      const lines = await world.lines();
      expect(lines.map(({ outcome, rows, applied }) => [outcome, rows, applied])).toEqual(lines.map(() => ['applied', 1, 1]));
      expect(lines.map(({ key }) => key).sort()).toEqual([...stems.map((stem) => `${stem}.${kind}`), `customer=evil.${kind}`].sort());
      expect(await world.statistics()).toEqual(await twin.statistics());
    } finally {
      await twin.close();
    }
  });
}
