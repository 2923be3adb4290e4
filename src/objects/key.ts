/** Which names can be keys (PROTOCOL.md 2.6). */

/** Why `key` can be no object's key for us, or null if it can. */
export function whyNoKey(key: string): string | null {
  if (key === '' || key.startsWith('/')) return 'it has no name';
  if (/\p{Cc}/u.test(key)) return 'its name has control characters';
  if (/[\uD800-\uDFFF]/u.test(key)) return 'its name is not UTF-8';
  if (key.split('/').includes('..')) return 'its name has a `..`';
  return null;
}

/** For people: control characters, which could steer a terminal, as `\u001b`. */
export function printable(key: string): string {
  return key.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
