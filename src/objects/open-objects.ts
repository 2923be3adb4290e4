/** From a URL to its objects. The only place that knows which implementations there are. */
import { TallyhoError } from '../core/error.ts';
import { makeFileObjects } from './file/file-objects.ts';
import { parseObjectsUrl } from './location.ts';
import type { Objects } from './objects.ts';

export interface OpenObjectsOptions {
  /** A source must be there, and fails as SOURCE_UNREADABLE; a sink is made, and fails as SINK_UNWRITABLE. */
  readonly role: 'source' | 'sink';
  /** The folder that relative paths count from. */
  readonly base: string;
}

export function openObjects(url: string, { role, base }: OpenObjectsOptions): Objects {
  const location = parseObjectsUrl(url, base);
  if (location.kind === 's3') {
    throw new TallyhoError('UNSUPPORTED', `The ${role} ${url} is on S3, which this release cannot read or write yet.`, {
      mend: 'Give a path or a file: URL.',
    });
  }
  const root = location.path;
  return makeFileObjects(role === 'source' ? { root } : { root, create: true, code: 'SINK_UNWRITABLE' });
}
