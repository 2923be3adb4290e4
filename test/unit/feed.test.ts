import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Fed, type FedChunk, feedFile, type FeedFileOptions } from '../../src/feed/feed-file.ts';
import { makeFileObjects } from '../../src/objects/file/file-objects.ts';
import { codeOf } from '../helpers/objects-contract.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tallyho-feed-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const source = (): string => join(root, 'source.csv');
const fed = (n: number): string => readFileSync(join(root, 'input', `chunk_${n}.csv`), 'latin1');

function feed(content: string | Uint8Array, options: Partial<FeedFileOptions> = {}): Promise<Fed> {
  writeFileSync(source(), typeof content === 'string' ? Buffer.from(content, 'latin1') : content);
  return feedFile({ from: source(), to: makeFileObjects({ root: join(root, 'input'), create: true }), everyMs: 0, rows: 2, ...options });
}
const chunks = (): string[] => {
  try {
    return readdirSync(join(root, 'input')).map((_, n) => fed(n));
  } catch {
    return [];
  }
};

describe('a file becomes chunks of N records with the header', () => {
  test.each<[name: string, content: string, expected: string[]]>([
    ['the last one is shorter', 'h\n1\n2\n3\n', ['h\n1\n2\n', 'h\n3\n']],
    ['none is empty', 'h\n1\n2\n', ['h\n1\n2\n']],
    ['no final newline', 'h\n1\n2\n3', ['h\n1\n2\n', 'h\n3']],
    ['a header alone', 'h\n', []],
    ['a header without a newline', 'h', []],
    ['nothing', '', []],
    ['blank lines only', '\n\r\n\n', []],
    ['CRLF and LF mixed stay as they are', 'h\r\n1\n2\r\n3\r\n', ['h\r\n1\n2\r\n', 'h\r\n3\r\n']],
    ['a lone CR is data', 'h\n1\r2\n\r3\n4\n', ['h\n1\r2\n\r3\n', 'h\n4\n']],
    ['a lone CR at the very end is a record', 'h\n1\n2\n\r', ['h\n1\n2\n', 'h\n\r']],
    ['blank lines are no rows, before the header too', '\r\n\nh\n\n1\n\r\n\n2\n\n3\n\n', ['h\n1\n2\n', 'h\n3\n']],
    ['a BOM belongs to the header', '\xef\xbb\xbfh\n1\n2\n3\n', ['\xef\xbb\xbfh\n1\n2\n', '\xef\xbb\xbfh\n3\n']],
    ['a BOM before blank lines', '\xef\xbb\xbf\n\nh\n1\n2\n3\n', ['\xef\xbb\xbfh\n1\n2\n', '\xef\xbb\xbfh\n3\n']],
    ['newlines in quotes', 'h\n"a\nb"\n"c\n\n""\n",d\n3\n', ['h\n"a\nb"\n"c\n\n""\n",d\n', 'h\n3\n']],
    ['apostrophes, when the second line has them', "h,i\n'a\nb',1\n2,'x''\ny'\n\"\n", ["h,i\n'a\nb',1\n2,'x''\ny'\n", 'h,i\n"\n']],
    ['then double quotes are data', 'h\n\'a\'\n"b\n"c\n', ["h\n'a'\n\"b\n", 'h\n"c\n']],
    ['the first quoted field of the second line decides', "h\nx,'a',\"b\n\n2\n3\n", ["h\nx,'a',\"b\n2\n", 'h\n3\n']],
    ['a quote inside an unquoted field is data', 'h\na"b\nc "d\ne\n', ['h\na"b\nc "d\n', 'h\ne\n']],
    ['text after a closing quote is data', 'h\n"a"b"\n"c"",\n"d"\n', ['h\n"a"b"\n"c"",\n"d"\n']],
    ['quotes in the header', '"h\nh"\n1\n2\n3\n', ['"h\nh"\n1\n2\n', '"h\nh"\n3\n']],
    ['an open quote takes the rest', 'h\n1\n"2\n3\n4\n', ['h\n1\n"2\n3\n4\n']],
    ['bytes that are not UTF-8', 'h\n\xff\n\x00\n3\n', ['h\n\xff\n\x00\n', 'h\n3\n']],
  ])('%s', async (_, content, expected) => {
    const result = await feed(content);
    expect(chunks()).toEqual(expected);
    expect(result).toMatchObject({ chunks: expected.length, same: 0, ended: 'all', bytes: expected.join('').length });
  });

  test('quotes and delimiter as configured', async () => {
    await feed("h;i\n'a;'b\n'\n3\n", { csv: { delimiter: ';', quote: 'none' } });
    expect(chunks()).toEqual(["h;i\n'a;'b\n'\n", 'h;i\n3\n']);
    rmSync(join(root, 'input'), { recursive: true });
    await feed("h;i\nx;'a\n'\n2\n3\n", { csv: { delimiter: ';', quote: 'auto' } });
    expect(chunks()).toEqual(["h;i\nx;'a\n'\n2\n", 'h;i\n3\n']);
  });

  test('gzip, of several members', async () => {
    await feed(Buffer.concat([gzipSync('h\n1\n'), gzipSync('2\n3'), gzipSync('\n')]));
    expect(chunks()).toEqual(['h\n1\n2\n', 'h\n3\n']);
  });

  test('rows, names, a limit and progress', async () => {
    const seen: FedChunk[] = [];
    const name = (n: number): string => `day 1/part-${n}.csv`;
    const result = await feed('h\n1\n2\n3\n4\n5\n', { rows: 1, limit: 3, name, onProgress: (chunk) => seen.push(chunk) });
    expect(result).toEqual({ chunks: 3, same: 0, rows: 3, bytes: 12, ended: 'limit' });
    expect(readdirSync(join(root, 'input/day 1'))).toEqual(['part-0.csv', 'part-1.csv', 'part-2.csv']);
    expect(seen.map(({ key, n, rows, bytes, result }) => [key, n, rows, bytes, result])).toEqual([
      ['day 1/part-0.csv', 0, 1, 4, 'put'],
      ['day 1/part-1.csv', 1, 1, 4, 'put'],
      ['day 1/part-2.csv', 2, 1, 4, 'put'],
    ]);
  });

  test('a limit that is just reached is all', async () => {
    expect((await feed('h\n1\n2\n3\n', { limit: 2 })).ended).toBe('all');
  });
});

describe('feeding again', () => {
  test('the same file puts nothing new', async () => {
    await feed('h\n1\n2\n3\n');
    expect(await feed('h\n1\n2\n3\n4\n5\n', { rows: 2 }).catch((error: unknown) => error)).toMatchObject({ code: 'SINK_INCIDENT' });
    expect(await feed('h\n1\n2\n3\n')).toMatchObject({ chunks: 2, same: 2 });
  });

  test('another file into the same place is an error that says so, and overwrites nothing', async () => {
    await feed('h\n1\n2\n');
    await expect(feed('h\nother\n')).rejects.toThrow(/chunk_0\.csv is there already, with other bytes than .*source\.csv gives/);
    expect(fed(0)).toBe('h\n1\n2\n');
  });
});

describe('pace and stop', () => {
  test('the chunks are that far apart, and the first comes at once', async () => {
    const times: number[] = [];
    const start = performance.now();
    await feed('h\n1\n2\n3\n', { rows: 1, everyMs: 60, onProgress: () => times.push(performance.now() - start) });
    // By a schedule from the start: a slow first chunk does not move the others, so only the earliest moments are certain.
    expect(times[1]!).toBeGreaterThan(50);
    expect(times[2]!).toBeGreaterThan(100);
  });

  test('a signal ends it after the chunk in hand, without waiting for the next', async () => {
    const controller = new AbortController();
    const result = await feed('h\n1\n2\n3\n', {
      rows: 1,
      everyMs: 3_600_000,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect(result).toMatchObject({ chunks: 1, ended: 'stopped' });
    expect(chunks()).toEqual(['h\n1\n']);
  });
});

describe('a source that cannot be fed', () => {
  const gz = gzipSync(`h\n${'0123456789\n'.repeat(1000)}`);
  test.each<[string, Uint8Array]>([
    ['gzip that is cut', gz.subarray(0, -5)],
    ['other bytes behind the gzip data', Buffer.concat([gz, Buffer.from('x')])],
    ['gzip with a wrong checksum', Buffer.concat([gz.subarray(0, -8), Buffer.alloc(8)])],
  ])('%s', async (_, bytes) => {
    expect(await codeOf(feed(bytes))).toBe('SOURCE_UNREADABLE');
  });

  test('it is not there, or a folder', async () => {
    const to = makeFileObjects({ root: join(root, 'input'), create: true });
    expect(await codeOf(feedFile({ from: join(root, 'missing.csv'), to }))).toBe('SOURCE_UNREADABLE');
    expect(await codeOf(feedFile({ from: root, to }))).toBe('SOURCE_UNREADABLE');
  });

  test('a record that never ends, for an open quote: memory is bounded', async () => {
    const content = Buffer.alloc(70 << 20, '0123456789abcde\n');
    content.write('h\n1\n"', 0);
    await expect(feed(content, { rows: 1 })).rejects.toThrow(
      'The record after the first 2 (the header counts) does not end within 64 MiB.',
    );
  });
});
