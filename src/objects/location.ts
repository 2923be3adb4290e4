/** Where objects are, parsed from what a person writes: a path, a `file:` URL or `s3://bucket/prefix/`. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TallyhoError } from '../core/error.ts';

export type Location =
  | { readonly kind: 'file'; readonly path: string }
  /** `prefix` is empty or ends with `/`. */
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

/** `base`: the folder that relative paths count from. Throws CONFIG_INVALID. */
export function parseObjectsUrl(url: string, base: string): Location {
  // One letter and a colon is a drive of Windows.
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: 'file', path: parsePath(url, base, url) };
  if (scheme === 'file') return { kind: 'file', path: parseFileUrl(url, base) };
  if (scheme === 's3') return parseS3(url);
  throw invalid(url, `${scheme}: is no kind of place known here`, `Give a path, file: or s3://; a path with a colon is written ./${url}.`);
}

function parsePath(path: string, base: string, url: string): string {
  if (path === '') throw invalid(url, 'it is empty', 'Give a path, file: or s3://.');
  if (path.includes('\0')) throw invalid(url, 'it contains U+0000', 'Give a path, file: or s3://.');
  return resolve(base, path);
}

function parseFileUrl(url: string, base: string): string {
  const rest = url.slice('file:'.length);
  if (/[?#]/.test(rest)) throw invalid(url, '`?` and `#` have a meaning in a URL', 'Write %3F and %23, or the plain path.');
  try {
    // A relative one (file:input/) is not in the standard, and what people write.
    if (!rest.startsWith('/')) return parsePath(decodeURIComponent(rest), base, url);
    return parsePath(fileURLToPath(url), base, url);
  } catch (error) {
    if (error instanceof TallyhoError) throw error;
    throw invalid(url, 'it is no local file: URL', 'Write file:///folder/ or the plain path.', error);
  }
}

function parseS3(url: string): Location {
  const match = /^s3:\/\/([^/?#@:]+)(?:\/(.*))?$/is.exec(url);
  if (match === null) throw invalid(url, 'the bucket is missing', 'Write s3://bucket/prefix/.');
  const prefix = match[2] ?? '';
  return { kind: 's3', bucket: match[1]!, prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/` };
}

function invalid(url: string, why: string, mend: string, cause?: unknown): TallyhoError {
  // Whatever stands before an @ may be a password.
  const shown = url.replace(/\/\/[^/@]*@/, '//***@');
  return new TallyhoError('CONFIG_INVALID', `The place ${JSON.stringify(shown)} cannot be used: ${why}.`, { mend, cause });
}
