/** A chunk as the listing shows it (DESIGN.md 5, PROTOCOL.md 2). */
import type { ObjectInfo } from './objects.ts';

export interface ChunkVersion {
  /** Path below the source's URL; of a folder without the final `/`. */
  readonly key: string;
  readonly folder: boolean;
  /** What is read, in reading order; one object unless `folder`. Empty while it waits, or for a folder without data. */
  readonly parts: readonly ObjectInfo[];
  /** Says "look again" when it differs from that in the ledger: of the object, or of all parts with their names and markers. */
  readonly version: string;
  readonly state: /** `note`: what was ignored to get there, such as a started write that was never answered. */
    | { readonly kind: 'ready'; readonly note?: string }
    /** Incomplete: no marker, a listed part is missing, a started write is unanswered. */
    | { readonly kind: 'waiting'; readonly why: string }
    /** Cannot be read for what it is: an object and a folder of one name. */
    | { readonly kind: 'ambiguous'; readonly why: string };
  /** Newest modification time of what it is made of, ms since 1970 (settling of `file:` sources). */
  readonly modified: number;
}

/** What was listed and is no chunk: how many, and the first few by name. */
export interface NotChunks {
  count: number;
  readonly examples: string[];
}
