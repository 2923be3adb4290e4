/** Free space for the private state (PROTOCOL.md 5.4): below `minFree` the detector stops before its commit. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Bytes that a process without special rights can still write in `folder`, or in its nearest parent that exists. */
export async function freeBytes(folder: string): Promise<number> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const disk = await statfs(at);
      return disk.bavail * disk.bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(at) === at) throw error;
    }
  }
}
