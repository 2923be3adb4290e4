/**
 * When a chunk of a `file:` source has come to rest (PROTOCOL.md 2.2). Pure; the pipeline keeps `firstSeen`.
 *
 * A writer that is still at work moves the mtime. A file whose mtime lies in the future (another machine's clock) would wait
 * for long: it counts from when this version was first seen.
 */
export function settlesAt(modified: number, now: number, settle: number, firstSeen: number): number {
  return (modified <= now ? modified : Math.min(firstSeen, now)) + settle;
}

/** All times in ms; `firstSeen`: when exactly this version of the chunk was listed for the first time. */
export function settled(chunk: { readonly modified: number }, now: number, settle: number, firstSeen: number): boolean {
  return settlesAt(chunk.modified, now, settle, firstSeen) <= now;
}
