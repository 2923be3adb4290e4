/** What a sink allows: found out by a small object of a name of its own, which is no chunk and no file of ours. */
import { probeFolder } from './file/probe.ts';
import type { Location } from './location.ts';
import type { S3Settings } from './s3/client.ts';
import { probeS3 } from './s3/probe.ts';

export interface SinkProbe {
  /** A second put of the same key was refused, and the first bytes stand. */
  readonly keeps: boolean;
  /** null: the object was removed; else why it stays. */
  readonly left: string | null;
  /** By how many ms the store's clock is ahead of this machine's; null where it does not say. */
  readonly aheadMs: number | null;
}

export const probeKey = '_tallyho-doctor-probe';

/** A folder must be there. Throws what a detector would meet. */
export async function probeSink(location: Location, settings: S3Settings, signal: AbortSignal): Promise<SinkProbe> {
  if (location.kind === 's3') return probeS3(location, probeKey, settings, signal);
  return probeFolder(location.path, probeKey, signal);
}
