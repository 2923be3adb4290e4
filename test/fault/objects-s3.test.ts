import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TallyhoError } from '../../src/core/error.ts';
import type { Objects } from '../../src/objects/objects.ts';
import { makeS3Objects } from '../../src/objects/s3/s3-objects.ts';
import type { S3Settings } from '../../src/objects/s3/client.ts';
import { drain, listed, pattern } from '../helpers/objects-contract.ts';
import { startS3Proxy, type S3Proxy, type Seen } from '../helpers/s3-proxy.ts';
import { type S3Server, s3ServerMissing, startS3Server } from '../helpers/s3-server.ts';

const missing = s3ServerMissing();

describe('S3 under faults', () => {
  let server: S3Server;
  let proxy: S3Proxy;
  let bucket: string;
  const opened: Objects[] = [];

  beforeAll(async () => {
    if (missing === undefined) server = await startS3Server();
  });
  afterAll(() => server?.close());
  beforeEach(async (context) => {
    if (missing !== undefined) context.skip(missing);
    bucket = await server.makeBucket();
    proxy = await startS3Proxy(server.port);
  });
  afterEach(async () => {
    for (const objects of opened.splice(0)) await objects.close();
    await proxy?.close();
  });

  const open = (settings: Partial<S3Settings> = {}, place: { readonly bucket?: string } = {}): Objects => {
    const objects = makeS3Objects({
      bucket: place.bucket ?? bucket,
      prefix: 'in/',
      settings: { ...server.settings, endpoint: proxy.endpoint, ...settings },
      code: 'SOURCE_UNREADABLE',
    });
    opened.push(objects);
    return objects;
  };
  const failureOf = (work: Promise<unknown>): Promise<TallyhoError> =>
    work.then(
      () => {
        throw new Error('it succeeded');
      },
      (error: unknown) => error as TallyhoError,
    );
  const times = (n: number, act: S3Proxy['act']): S3Proxy['act'] => {
    let left = n;
    return (seen) => (left-- > 0 ? act(seen) : 'pass');
  };
  const puts = (): Seen[] => proxy.seen.filter(({ method }) => method === 'PUT');

  describe('what passes is tried again', () => {
    test.each([
      ['503 SlowDown', { answer: 503, code: 'SlowDown' }],
      ['500 InternalError', { answer: 500, code: 'InternalError' }],
      ['429 TooManyRequests', { answer: 429, code: 'TooManyRequestsException' }],
      ['400 RequestTimeout', { answer: 400, code: 'RequestTimeout' }],
      ['a cut connection', 'cut'],
    ] as const)('a burst of %s: list, read, get and put go on', async (_, act) => {
      await server.overwrite(bucket, 'in/a.csv', pattern(1000));
      const objects = open();
      proxy.act = times(3, () => act);
      const [object] = await listed(objects);
      proxy.act = times(3, () => act);
      const blocks: Uint8Array[] = [];
      for await (const block of objects.read(object!)) blocks.push(block);
      expect(Buffer.compare(Buffer.concat(blocks), pattern(1000))).toBe(0);
      proxy.act = times(3, () => act);
      expect(await objects.get('a.csv')).not.toBeNull();
      proxy.act = times(3, () => act);
      expect(await objects.put('b.csv', pattern(10))).toBe('put');
    });
  });

  describe('what cannot heal is told at once', () => {
    test.each([
      ['a bucket that is not there', {}, { bucket: 'no-such-bucket' }, 'S3_NO_BUCKET', /Make the bucket no-such-bucket/],
      ['an unknown key', { accessKeyId: 'nobody' }, {}, 'S3_DENIED', /Check the credentials/],
      ['a wrong secret', { secretAccessKey: 'wrong-secret' }, {}, 'S3_DENIED', /Check the credentials/],
    ] as const)('%s', async (_, settings, place, code, mend) => {
      for (const work of [
        () => listed(open(settings, place)),
        () => open(settings, place).get('x'),
        () => open(settings, place).put('x', pattern(1)),
        () => open(settings, place).folders(),
      ]) {
        proxy.seen.length = 0;
        const failure = await failureOf(work());
        expect({ code: failure.code, mend: failure.mend, retry: failure.retry }, failure.message).toEqual({
          code,
          mend: expect.stringMatching(mend) as string,
          retry: 'never',
        });
        expect(`${failure.message} ${failure.mend}`).not.toMatch(/wrong-secret|Tally-ho/);
        expect(failure.message).toContain('s3://');
        // A put looks at the key first, by HEAD and GET.
        expect(proxy.seen.length).toBeLessThanOrEqual(3);
      }
    });

    test('403 AccessDenied names the rights', async () => {
      proxy.act = () => ({ answer: 403, code: 'AccessDenied' });
      expect(await failureOf(listed(open()))).toMatchObject({
        code: 'S3_DENIED',
        mend: expect.stringContaining('s3:ListBucket') as string,
      });
      expect(proxy.seen).toHaveLength(1);
    });

    test('nobody listens: the endpoint is named', async () => {
      await proxy.close();
      const failure = await failureOf(listed(open()));
      expect(failure).toMatchObject({ code: 'SOURCE_UNREADABLE', retry: 'backoff' });
      expect(failure.message).toContain('ECONNREFUSED');
      expect(failure.mend).toContain(proxy.endpoint);
    });
  });

  describe('listing', () => {
    const page = (keys: readonly string[], more = ''): string =>
      `<?xml version="1.0"?><ListBucketResult>${keys
        .map(
          (key) =>
            `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`,
        )
        .join('')}${more}</ListBucketResult>`;

    test.each([
      ['keys out of order', page(['in/b.csv', 'in/a.csv'])],
      ['a key twice', page(['in/a.csv', 'in/a.csv'])],
      ['a key of elsewhere', page(['out/a.csv'])],
      ['truncated without a token', page(['in/a.csv'], '<IsTruncated>true</IsTruncated>')],
    ])('%s: refused, since chunks would be lost unseen', async (_, body) => {
      proxy.act = () => ({ answer: 200, body });
      expect(await failureOf(listed(open()))).toMatchObject({ code: 'S3_UNSUITABLE' });
    });

    test('a page that leads to itself ends', async () => {
      proxy.act = ({ path }) => ({
        answer: 200,
        body: page(
          [path.includes('token') ? 'in/b' : 'in/a'],
          '<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>',
        ),
      });
      expect(await failureOf(listed(open()))).toMatchObject({ code: 'S3_UNSUITABLE' });
      expect(proxy.seen).toHaveLength(2);
    });

    test('what shows a folder in a console, and names that can be no keys, are no objects', async () => {
      proxy.act = () => ({ answer: 200, body: page(['in/', 'in/a&#x7;b.csv', 'in/f/', 'in/x/../y']) });
      const pages = [];
      for await (const one of open().list()) pages.push(one);
      expect(pages).toEqual([
        {
          objects: [],
          ignored: [
            { key: 'a\\u0007b.csv', why: 'its name has control characters' },
            { key: 'x/../y', why: 'its name has a `..`' },
          ],
        },
      ]);
    });
  });

  describe('reading', () => {
    const size = 3_000_000;
    const read = async (objects: Objects): Promise<Buffer> => {
      const [object] = await listed(objects);
      const blocks: Uint8Array[] = [];
      for await (const block of objects.read(object!)) blocks.push(block);
      return Buffer.concat(blocks);
    };
    const gets = (): Seen[] => proxy.seen.filter(({ method, path }) => method === 'GET' && !path.includes('list-type'));
    const onGet =
      (act: S3Proxy['act']): S3Proxy['act'] =>
      (seen) =>
        gets().includes(seen) ? act(seen) : 'pass';
    beforeEach(() => server.overwrite(bucket, 'in/x', pattern(size)));

    test('goes on where a connection was cut, pinned to the same version', async () => {
      proxy.act = onGet(times(3, () => ({ cutAfter: 700_000 })));
      expect(Buffer.compare(await read(open()), pattern(size))).toBe(0);
      const etags = new Set(gets().map(({ headers }) => headers['if-match']));
      expect(etags.size).toBe(1);
      expect(
        gets()
          .slice(1)
          .every(({ headers }) => /^bytes=[1-9]\d*-$/.test(headers['range'] ?? '')),
      ).toBe(true);
    });

    test('changed between two connections: OBJECT_CHANGED', async () => {
      const objects = open();
      const [object] = await listed(objects);
      let cut = false;
      proxy.act = onGet(() => {
        if (cut) return 'pass';
        cut = true;
        return { cutAfter: 1_100_000 };
      });
      const blocks = objects.read(object!)[Symbol.asyncIterator]();
      // One block is whole by then; the next needs another connection.
      expect((await blocks.next()).value).toHaveLength(1 << 20);
      await server.overwrite(bucket, 'in/x', pattern(size + 1));
      expect((await failureOf((async () => blocks.next())())).code).toBe('OBJECT_CHANGED');
    });

    test('gives up on a connection that is always cut at once', async () => {
      proxy.act = onGet(() => ({ cutAfter: 0 }));
      expect(await failureOf(read(open()))).toMatchObject({ code: 'SOURCE_UNREADABLE' });
      expect(gets().length).toBeLessThan(80);
    }, 60_000);

    test('an answer of another length: OBJECT_CHANGED', async () => {
      proxy.act = onGet(() => ({ answer: 200, body: 'short' }));
      expect(await failureOf(read(open()))).toMatchObject({ code: 'OBJECT_CHANGED' });
    });

    test('bytes that are not what the store’s checksum says are not handed out as a whole', async () => {
      proxy.act = onGet(() => ({ spoilAt: 10 }));
      const objects = open();
      const [object] = await listed(objects);
      let whole = 0;
      const failure = await failureOf(
        (async () => {
          for await (const block of objects.read(object!)) whole += block.length;
        })(),
      );
      expect(failure.code).toBe('SOURCE_UNREADABLE');
      expect(failure.message).toMatch(/checksum/i);
      expect(whole).toBeLessThan(size);
    });

    test('a signal ends a reading that hangs', async () => {
      const objects = open();
      const [object] = await listed(objects);
      proxy.act = () => 'hang';
      const ending = new AbortController();
      setTimeout(() => ending.abort(new Error('enough')), 100);
      await expect(drain(objects.read(object!, ending.signal))).rejects.toThrow('enough');
    });
  });

  describe('putting', () => {
    test.each([
      ['answered with 500', { after: 500 }],
      ['answered with 503', { after: 503, code: 'SlowDown' }],
      ['cut before its answer', 'done, then cut'],
    ] as const)('PROTOCOL 4.3: a put that took place and was %s: the same bytes stand, nothing is doubled', async (_, act) => {
      const objects = open();
      expect(await objects.put('first', pattern(5))).toBe('put');
      proxy.act = times(1, () => act);
      expect(await objects.put('x', pattern(1000))).toBe('same');
      expect((await listed(objects)).map(({ key }) => key)).toEqual(['first', 'x']);
    });

    test('PROTOCOL 4.3: 409 ConditionalRequestConflict is put again', async () => {
      const objects = open();
      await objects.put('first', pattern(5));
      proxy.act = times(2, ({ method }) => (method === 'PUT' ? { answer: 409, code: 'ConditionalRequestConflict' } : 'pass'));
      expect(await objects.put('x', pattern(10))).toBe('put');
    });

    test('PROTOCOL 4.3: refused, and gone when it is compared: put again', async () => {
      const objects = open();
      await objects.put('first', pattern(5));
      proxy.act = times(1, () => ({ answer: 412, code: 'PreconditionFailed' }));
      expect(await objects.put('x', pattern(10))).toBe('put');
    });

    test('PROTOCOL 4.3: refused for ever though nothing stands there (a delete marker, to some stores): an end, and what may be the cause', async () => {
      const objects = open();
      await objects.put('first', pattern(5));
      const before = puts().length;
      proxy.act = ({ method }) => (method === 'PUT' ? { answer: 412, code: 'PreconditionFailed' } : 'pass');
      const failure = await failureOf(objects.put('x', pattern(10)));
      expect(failure).toMatchObject({ message: expect.stringContaining('delete marker') as string });
      expect(puts().length - before).toBe(10);
      proxy.act = () => 'pass';
      expect(await objects.put('x', pattern(10))).toBe('put');
    });

    test('PROTOCOL 4.3: without a checksum at the store the bytes are compared', async () => {
      await server.overwrite(bucket, 'in/x', pattern(10));
      expect(await open().put('x', pattern(10))).toBe('same');
      expect(await open().put('x', Buffer.alloc(10))).toBe('other');
    });

    test('PROTOCOL 4.3: 403 while comparing: the sink’s role needs GetObject', async () => {
      await server.overwrite(bucket, 'in/x', pattern(10));
      proxy.act = ({ method }) => (method === 'PUT' ? 'pass' : { answer: 403, code: 'AccessDenied' });
      expect(await failureOf(open().put('x', pattern(10)))).toMatchObject({
        code: 'S3_DENIED',
        mend: expect.stringContaining('s3:GetObject') as string,
      });
    });

    test('a store that ignores If-None-Match is refused, before anything of another is overwritten', async () => {
      proxy.act = ({ method }) => (method === 'PUT' ? { answer: 200 } : 'pass');
      await server.overwrite(bucket, 'in/theirs', pattern(10));
      const objects = open();
      expect(await objects.put('theirs', pattern(11))).toBe('other');
      expect(puts()).toHaveLength(0);
      const failure = await failureOf(objects.put('x', pattern(10)));
      expect(failure).toMatchObject({ code: 'S3_UNSUITABLE', message: expect.stringContaining('If-None-Match') as string });
      expect(new Set(puts().map(({ path }) => path)).size).toBe(1);
    });

    test('PROTOCOL 4.3: every put carries its condition and the SHA-256 of its bytes', async () => {
      const objects = open();
      await Promise.all(Array.from({ length: 5 }, (_, i) => objects.put(`${i}`, pattern(10 + i))));
      expect(puts()).toHaveLength(6);
      for (const { headers } of puts()) {
        expect(headers['if-none-match']).toBe('*');
        expect(headers['x-amz-checksum-sha256']).toMatch(/^[A-Za-z0-9+/]{43}=$/);
      }
    });
  });
});
