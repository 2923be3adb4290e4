import { expect, test } from 'vitest';
import { classify } from '../../src/objects/discovery/classify.ts';

const part = (folder: string) => ({ kind: 'part', folder });
const marker = (folder: string) => ({ kind: 'marker', folder });
const chunk = { kind: 'chunk' };
const other = { kind: 'other' };

test.each([
  // Objects
  ['x.csv', chunk],
  ['x.csv.gz', chunk],
  ['x.parquet', chunk],
  ['a/b c/²2.csv', chunk],
  ['a.b/x.csv', chunk],
  ['x', other],
  ['csv', other],
  ['x.CSV', other],
  ['x.csv.zip', other],
  ['x.csv.tmp', other],
  ['x.csv.crc', other],
  ['x.parquet.gz', other],
  ['x.gz', other],
  ['data.json', other],
  // Hidden
  ['_x.csv', other],
  ['.x.csv', other],
  ['.csv', other],
  ['.parquet', other],
  ['_a/x.csv', other],
  ['a/.b/x.csv', other],
  ['a/_temporary/0/x.csv', other],
  ['x_.csv', chunk],
  ['_SUCCESS', other],
  ['a/_SUCCESS', other],
  // Parts of folders
  ['x.csv/part-0.csv', part('x.csv')],
  ['x.csv/part-0.csv.gz', part('x.csv')],
  ['x.csv/part-0.parquet', part('x.csv')],
  ['x.parquet/part-0.parquet', part('x.parquet')],
  ['a/b/x.parquet/part-0.csv', part('a/b/x.parquet')],
  ['x.csv/part-0', other],
  ['x.csv/notes.txt', other],
  ['x.csv/.part-0.csv.crc', other],
  ['x.csv/.part-0.csv', other],
  ['x.csv/_part-0.csv', other],
  // Other folders
  ['x.csv.gz/part-0.csv', chunk],
  ['x.csv.d/part-0.csv', chunk],
  ['.csv/part-0.csv', other],
  ['.parquet/_SUCCESS', other],
  // Markers
  ['x.csv/_SUCCESS', marker('x.csv')],
  ['x.csv/_committed_12', marker('x.csv')],
  ['x.csv/_started_12', marker('x.csv')],
  ['x.csv/_committed_', marker('x.csv')],
  ['x.csv/_committed', other],
  ['x.csv/_success', other],
  ['x.csv/_SUCCESS.crc', other],
  ['x.csv/_committed_12.csv', marker('x.csv')],
  ['_a/x.csv/_SUCCESS', other],
  // The outermost folder decides, and only what is directly inside counts
  ['y.csv/sub/x.csv', other],
  ['y.csv/sub/_SUCCESS', other],
  ['y.csv/x.csv/part-0.csv', other],
  ['y.csv/x.csv/_SUCCESS', other],
  ['y.csv/_temporary/0/part-0.csv', other],
  ['y.parquet/date=1/part-0.parquet', other],
  // Odd ones
  ['a//x.csv', chunk],
  ['x.csv/', other],
  ['x.csv//x.csv', other],
])('%s', (key, expected) => {
  expect(classify(key)).toEqual(expected);
});
