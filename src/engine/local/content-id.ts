/**
 * Content ids (PROTOCOL.md 2.1): equal iff the bytes are, whatever the names.
 *
 *   object: the SHA-256 of its bytes as stored, 64 lower-case hex digits
 *   folder: `parts:` and the SHA-256 of the text that has for each part, in reading order, its id as an object and an LF
 *
 * The prefix keeps the kinds apart: no object can be made whose id is that of a folder.
 */
import { createHash, type Hash } from 'node:crypto';

/** The hash of one object as its blocks come: of the node:crypto kind, or beside (beside.ts). */
export interface ContentHash {
  update(block: Uint8Array): Promise<void> | void;
  digest(): Promise<string> | string;
  close(): void;
}

function startHash(): Hash {
  return createHash('sha256');
}

export function folderId(partIds: readonly string[]): string {
  const hash = startHash();
  for (const id of partIds) hash.update(`${id}\n`);
  return `parts:${hash.digest('hex')}`;
}

/** Where it is asked; `prefix` is what the bytes so far and some more would give. */
export class HashHere implements ContentHash {
  readonly #hash = startHash();

  update(block: Uint8Array): void {
    this.#hash.update(block);
  }

  prefix(more: Uint8Array): string {
    return this.#hash.copy().update(more).digest('hex');
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  close(): void {
    // Nothing is held.
  }
}
