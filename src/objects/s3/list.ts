/**
 * Pages of a listing, in the byte order of the keys, with nothing held but the page in hand.
 *
 * A page that is truncated must say how to go on, and keys must ascend: a store that keeps to neither would lose chunks
 * without anybody noticing, so it is refused. (S3 lists in UTF-8 binary order but for directory buckets:
 * docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html.)
 */
import { TallyhoError } from '../../core/error.ts';
import { compareUtf8 } from '../../core/natural-order.ts';
import { printable, whyNoKey } from '../key.ts';
import type { IgnoredEntry, Listing, ObjectInfo } from '../objects.ts';
import type { Client } from './client.ts';

export interface Root {
  readonly bucket: string;
  /** Empty, or ends with `/`. */
  readonly prefix: string;
}

export async function* listPages(
  { sdk, s3 }: Client,
  { bucket, prefix }: Root,
  under: string,
  signal?: AbortSignal,
): AsyncGenerator<Listing> {
  let token: string | undefined;
  let last: string | null = null;
  do {
    const page = await s3.send(
      new sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix + under,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    const objects: ObjectInfo[] = [];
    const ignored: IgnoredEntry[] = [];
    for (const { Key: whole = '', Size: size = 0, ETag: etag = '', LastModified: modified } of page.Contents ?? []) {
      if (!whole.startsWith(prefix + under)) throw unsuitable(bucket, `it lists ${printable(whole)} below ${prefix + under}`);
      if (last !== null && compareUtf8(last, whole) >= 0)
        throw unsuitable(bucket, `it lists ${printable(whole)} after ${printable(last)}, which is not the byte order of the keys`);
      last = whole;
      const key = whole.slice(prefix.length);
      // The empty objects that consoles make to show a folder.
      if (key === '' || key.endsWith('/')) continue;
      const why = whyNoKey(key);
      if (why === null) objects.push({ key, size, version: versionOf(etag), modified: modified?.getTime() ?? 0 });
      else ignored.push({ key: printable(key), why });
    }
    yield { objects, ignored };
    token = nextToken(bucket, page.IsTruncated, page.NextContinuationToken, token);
  } while (token !== undefined);
}

/** Names of the folders directly below the root. */
export async function listFolders({ sdk, s3 }: Client, { bucket, prefix }: Root, signal?: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  let token: string | undefined;
  do {
    const page = await s3.send(
      new sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        Delimiter: '/',
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    for (const { Prefix: found = '' } of page.CommonPrefixes ?? []) {
      const name = found.slice(prefix.length, -1);
      if (whyNoKey(name) === null) names.push(name);
    }
    token = nextToken(bucket, page.IsTruncated, page.NextContinuationToken, token);
  } while (token !== undefined);
  return names.sort(compareUtf8);
}

/** The ETag without its quotes, which not every store repeats alike. */
export function versionOf(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/, '$1');
}

function nextToken(
  bucket: string,
  truncated: boolean | undefined,
  next: string | undefined,
  before: string | undefined,
): string | undefined {
  if (truncated !== true) return undefined;
  if (next === undefined || next === '') throw unsuitable(bucket, 'a page of its listing is truncated and does not say how to go on');
  if (next === before) throw unsuitable(bucket, 'a page of its listing leads to itself');
  return next;
}

function unsuitable(bucket: string, why: string): TallyhoError {
  return new TallyhoError('S3_UNSUITABLE', `The store of the bucket ${bucket} cannot be listed: ${why}.`, {
    mend: 'Chunks could be lost unseen. Use a store that lists as Amazon S3 does (no directory bucket).',
  });
}
