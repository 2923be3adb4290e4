import { randomBytes } from 'node:crypto';

/** Name of a file that is being written, in the folder in which it will stand. */
export function temporaryName(): string {
  return `.tmp-${randomBytes(16).toString('hex')}`;
}

/** Only our own: somebody else's `.tmp-notes` is left alone. */
export function isTemporary(name: string): boolean {
  return /^\.tmp-[0-9a-f]{32}$/.test(name);
}
