/** Chunks beside an empty source, for people. */
import type { Config } from '../config/config.ts';
import { type Elsewhere, findElsewhere } from '../objects/discovery/find-elsewhere.ts';
import { printable } from '../objects/key.ts';
import type { Location } from '../objects/location.ts';

export function findElsewhereOf({ source, sink, store, s3 }: Config, signal: AbortSignal): Promise<Elsewhere[]> {
  const state: Location[] = store.kind === 'private' ? [{ kind: 'file', path: store.folder }] : [];
  return findElsewhere(source.location, { except: [sink.location, ...state], s3, signal });
}

/** As in "but ... ". */
export function elsewhereText({ url, example }: Elsewhere): string {
  return `${printable(url)} beside it has chunks, such as ${printable(example)}`;
}
