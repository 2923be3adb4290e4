/**
 * A bucket that is nothing but its listing: so many keys, in byte order, made page by page as ListObjectsV2 gives them. In a
 * process of its own, so that neither its time nor its memory is taken for the lister's.
 */
import { createServer } from 'node:http';
import { serve } from '../lib/serve.ts';
import { keyAt, versionAt } from './keys.ts';

export interface Served {
  readonly port: number;
}

const pageSize = 1000;

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://bucket');
  const count = Number.parseInt(url.pathname.slice(1), 10);
  const from = Number(url.searchParams.get('continuation-token') ?? 0);
  const to = Math.min(count, from + pageSize);
  const parts = ['<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>'];
  for (let i = from; i < to; i++)
    parts.push(
      `<Contents><Key>${keyAt(i)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"${versionAt(i)}"</ETag><Size>800000</Size></Contents>`,
    );
  parts.push(
    to < count ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${to}</NextContinuationToken>` : '<IsTruncated>false</IsTruncated>',
    '</ListBucketResult>',
  );
  response.writeHead(200, { 'content-type': 'application/xml' }).end(parts.join(''));
});

serve(async (): Promise<Served> => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0 };
});
