/** What the bytes behind a ledger line are, and which rows they have: by the slow parser, from every version that there ever was. */
import { createHash } from 'node:crypto';
import type { Layout } from '../../src/core/layout.ts';
import type { StoredLine } from '../../src/store/store.ts';
import { naturalCompare } from '../../test/helpers/evaluator/natural.ts';
import type { OracleRow } from '../../test/helpers/oracle/database.ts';
import { type SlowPart, type SlowResult, slowParse } from '../../test/helpers/slow-parser/parse.ts';
import type { Bucket } from '../bucket/bucket.ts';

export interface Contents {
  /** null: no bytes that were ever there have this id. */
  partsOf(line: Pick<StoredLine, 'key' | 'folder' | 'contentId'>): readonly SlowPart[] | null;
  parse(parts: readonly SlowPart[]): SlowResult;
}

export function makeContents(bucket: Bucket, layout: Layout): Contents {
  const byId = new Map<string, readonly SlowPart[]>();
  const folders = new Set<string>();
  for (const key of bucket.keys()) {
    if (key.includes('.csv/')) folders.add(key.slice(0, key.lastIndexOf('/')));
    else for (const bytes of bucket.contents(key)) byId.set(`${key} ${hash(bytes)}`, [{ object: key, bytes }]);
  }
  for (const folder of folders)
    for (const parts of foldersOf(bucket, folder)) byId.set(`${folder} ${folderId(parts.map(({ bytes }) => hash(bytes)))}`, parts);
  return {
    partsOf: ({ key, contentId }) => byId.get(`${key} ${contentId}`) ?? null,
    parse: (parts) => slowParse(parts, { layout, columns: {}, csv: { delimiter: ',', quote: 'auto' } }),
  };
}

export function hash(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** PROTOCOL.md 2.1, written again. */
export function folderId(ids: readonly string[]): string {
  return `parts:${hash(ids.map((id) => `${id}\n`).join(''))}`;
}

/** Whatever a folder may have been read as: any of its parts, each as it ever was. */
function foldersOf(bucket: Bucket, folder: string): readonly (readonly SlowPart[])[] {
  const keys = bucket.keys().filter((key) => key.startsWith(`${folder}/`) && key.endsWith('.csv'));
  return keys.sort(naturalCompare).reduce<readonly (readonly SlowPart[])[]>(
    (found, object) => {
      const versions = new Map(bucket.contents(object).map((bytes) => [hash(bytes), bytes]));
      return found.flatMap((parts) => [parts, ...[...versions.values()].map((bytes) => [...parts, { object, bytes }])]);
    },
    [[]],
  );
}

export function oracleRows(result: SlowResult): readonly OracleRow[] {
  if (result.kind === 'fault') return [];
  return result.rows.map(({ dims, amount, weight }) => ({ dims: Object.fromEntries(dims), amount: amount ?? 0n, weight }));
}
