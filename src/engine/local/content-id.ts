/**
 * Content ids (PROTOCOL.md 2.1): equal iff the bytes are, whatever the names.
 *
 *   object: the SHA-256 of its bytes as stored, 64 lower-case hex digits
 *   folder: `parts:` and the SHA-256 of the text that has for each part, in reading order, its id as an object and an LF
 *
 * The prefix keeps the kinds apart: no object can be made whose id is that of a folder.
 */
import { createHash, type Hash } from 'node:crypto';

export function startHash(): Hash {
  return createHash('sha256');
}

export function folderId(partIds: readonly string[]): string {
  const hash = startHash();
  for (const id of partIds) hash.update(`${id}\n`);
  return `parts:${hash.digest('hex')}`;
}
