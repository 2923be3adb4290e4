/** From a URL to its objects. The only place that knows which implementations there are. */
import { makeFileObjects } from './file/file-objects.ts';
import { parseObjectsUrl } from './location.ts';
import type { Objects } from './objects.ts';
import type { S3Settings } from './s3/client.ts';
import { makeS3Objects } from './s3/s3-objects.ts';

export interface OpenObjectsOptions {
  /** A source must be there, and fails as SOURCE_UNREADABLE; a sink is made, and fails as SINK_UNWRITABLE. */
  readonly role: 'source' | 'sink';
  /** The folder that relative paths count from. */
  readonly base: string;
  readonly s3: S3Settings;
  /** false: S3's failures are told after few attempts, to somebody who waits for the answer. */
  readonly patient?: boolean;
}

export function openObjects(url: string, { role, base, s3, patient }: OpenObjectsOptions): Objects {
  const location = parseObjectsUrl(url, base);
  const code = role === 'source' ? 'SOURCE_UNREADABLE' : 'SINK_UNWRITABLE';
  if (location.kind === 's3') return makeS3Objects({ bucket: location.bucket, prefix: location.prefix, settings: s3, code, patient });
  return makeFileObjects({ root: location.path, create: role === 'sink', code });
}
