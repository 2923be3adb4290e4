import type { BigIntStats } from 'node:fs';

/** Size, mtime, ctime and inode: whatever is done to a file, one of them differs (PROTOCOL.md 2.2). */
export function versionOf(stats: BigIntStats): string {
  return `${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}-${stats.ino}`;
}

/** Milliseconds since 1970, with a fraction: "newer" among markers is decided by it. */
export function modifiedOf(stats: BigIntStats): number {
  return Number(stats.mtimeNs) / 1e6;
}

/** Code of a system error (`ENOENT`), or an empty string. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** It is not there, or was a moment ago: a folder of its path is gone or no folder. */
export function isGone(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
