/**
 * Free space for the private state (PROTOCOL.md 5.4): below `minFree` the detector stops before its commit. Each commit asks, so
 * it is asked in place: what the system knows by heart costs microseconds, a thread's answer to a busy machine milliseconds.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Bytes that a process without special rights can still write in `folder`, or in its nearest parent that exists. */
export function freeBytes(folder: string): number {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const disk = statfsSync(at);
      return disk.bavail * disk.bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(at) === at) throw error;
    }
  }
}
