import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertApart } from '../../src/objects/assert-apart.ts';
import { printable, whyNoKey } from '../../src/objects/key.ts';
import { type Location, parseObjectsUrl } from '../../src/objects/location.ts';
import { codeOf } from '../helpers/objects-contract.ts';

const failure = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('a place as a person writes it', () => {
  test.each<[string, Location]>([
    ['input', { kind: 'file', path: '/base/input' }],
    ['./input/', { kind: 'file', path: '/base/input' }],
    ['../x y', { kind: 'file', path: '/x y' }],
    ['/abs/é%20#?', { kind: 'file', path: '/abs/é%20#?' }],
    ['C:', { kind: 'file', path: '/base/C:' }],
    ['./a:b', { kind: 'file', path: '/base/a:b' }],
    ['file:///abs/x%20y/', { kind: 'file', path: '/abs/x y' }],
    ['file:/abs', { kind: 'file', path: '/abs' }],
    ['file:input/x%20y', { kind: 'file', path: '/base/input/x y' }],
    ['FILE:./input', { kind: 'file', path: '/base/input' }],
    ['file://localhost/abs', { kind: 'file', path: '/abs' }],
    ['s3://bucket', { kind: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://bucket/', { kind: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://bucket/a/b c', { kind: 's3', bucket: 'bucket', prefix: 'a/b c/' }],
    ['S3://bucket/a/', { kind: 's3', bucket: 'bucket', prefix: 'a/' }],
  ])('%s', (url, expected) => expect(parseObjectsUrl(url, '/base')).toEqual(expected));

  test.each([
    '',
    'file:',
    'a\0b',
    'file:///a%00b',
    'file:///a?b',
    'file:///a#b',
    'file://host/a',
    'file:///a%2Fb',
    'file:%E0%A4%A',
    's3:',
    's3://',
    's3:///key',
    's3:bucket',
    'gs://bucket/x',
    'https://user:secret@host/x',
    's3://key:secret@bucket/x',
  ])('%j is refused', (url) => {
    const error = failure(() => parseObjectsUrl(url, '/base'));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', mend: expect.any(String) as string });
    expect(String(error)).not.toContain('secret');
  });
});

test.each([
  ['a/b.csv', null],
  ['a..b/..c', null],
  ['é ²\u{1F600}', null],
  ['a/../b', 'its name has a `..`'],
  ['..', 'its name has a `..`'],
  ['a\0', 'its name has control characters'],
  ['a\tb', 'its name has control characters'],
  ['\u0085', 'its name has control characters'],
  ['\ud800', 'its name is not UTF-8'],
  ['', 'it has no name'],
  ['/a', 'it has no name'],
])('the key %j', (key, why) => {
  expect(whyNoKey(key)).toBe(why);
  expect(whyNoKey(printable(key)) === 'its name has control characters').toBe(false);
});

describe('PROTOCOL 2.7: places that must lie apart', () => {
  let root: string;
  beforeAll(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'tallyho-apart-')));
    for (const folder of ['data/input/deep', 'data/output', 'data/input-2']) mkdirSync(join(root, folder), { recursive: true });
    symlinkSync('data', join(root, 'link'));
    symlinkSync('input/deep', join(root, 'data/out-link'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const at = (url: string): Location => parseObjectsUrl(url, root);
  const code = (source: string, sink: string, state: string | null = null) =>
    codeOf(assertApart({ source: at(source), sink: at(sink), state: state === null ? null : join(root, state) }));

  test.each<[source: string, sink: string, state: string | null, expected: string]>([
    ['data/input', 'data/output', '.tallyho', 'no error'],
    ['data/input', 'data/input-2', null, 'no error'],
    ['data/missing', 'data/missing-2', null, 'no error'],
    ['data/input', 'data/output', 'data/state', 'no error'],
    ['data/input', 'data/output', 'data', 'CONFIG_OVERLAP'],
    ['data/input', 'elsewhere', 'data', 'CONFIG_OVERLAP'],
    ['elsewhere', 'data/output', 'data', 'CONFIG_OVERLAP'],
    ['data/input', 'data/output', 'data/output/state', 'CONFIG_OVERLAP'],
    ['data/input', 'data/output', 'data/output', 'CONFIG_OVERLAP'],
    ['s3://b/in/', 'data/output', 'data/output/state', 'CONFIG_OVERLAP'],
    ['data/input', 'data/input', null, 'CONFIG_OVERLAP'],
    ['data/input', 'data/input/deep', null, 'CONFIG_OVERLAP'],
    ['data/input', 'data/input/not/yet/there', null, 'CONFIG_OVERLAP'],
    ['data/missing', 'data/missing/x', null, 'CONFIG_OVERLAP'],
    ['data/input', 'data', null, 'CONFIG_OVERLAP'],
    ['data/input', '.', null, 'CONFIG_OVERLAP'],
    ['data/input', 'data/output', 'data/input/.tallyho', 'CONFIG_OVERLAP'],
    ['.', '../elsewhere', '.tallyho', 'CONFIG_OVERLAP'],
    // Through links
    ['link/input', 'data/input/deep', null, 'CONFIG_OVERLAP'],
    ['data/input', 'link/input/new', null, 'CONFIG_OVERLAP'],
    ['data/input', 'data/out-link', null, 'CONFIG_OVERLAP'],
    ['data/input', 'data/out-link/new', null, 'CONFIG_OVERLAP'],
    ['link/input', 'link/output', 'link/state', 'no error'],
    ['link/input', 'data/output', 'link', 'CONFIG_OVERLAP'],
    // S3
    ['s3://b/in/', 's3://b/out/', '.tallyho', 'no error'],
    ['s3://b/in/', 's3://b/in-2/', null, 'no error'],
    ['s3://b/x/', 's3://c/x/', null, 'no error'],
    ['s3://b/x/', 's3://b/x/', null, 'CONFIG_OVERLAP'],
    ['s3://b/x/', 's3://b/x/out', null, 'CONFIG_OVERLAP'],
    ['s3://b/x/in/', 's3://b/x', null, 'CONFIG_OVERLAP'],
    ['s3://b', 's3://b/out', null, 'CONFIG_OVERLAP'],
    ['s3://b/in/', 'data/output', null, 'no error'],
  ])('source %s, sink %s, state %s: %s', async (source, sink, state, expected) => {
    expect(await code(source, sink, state)).toBe(expected);
  });

  test('the message names both', async () => {
    await expect(assertApart({ source: at('data/input'), sink: at('data/input/deep'), state: null })).rejects.toThrow(
      `The sink (${root}/data/input/deep) lies inside the source (${root}/data/input).`,
    );
  });
});
