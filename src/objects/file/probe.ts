/** Looks at what a folder allows, by a file of its own name, which is removed again. The folder itself is never made. */
import { stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { SinkProbe } from '../probe.ts';
import { makeFileObjects } from './file-objects.ts';
import { systemCode } from './version.ts';

export async function probeFolder(path: string, key: string, signal: AbortSignal): Promise<SinkProbe> {
  const objects = makeFileObjects({ root: path, code: 'SINK_UNWRITABLE' });
  const before = Date.now();
  const first = await objects.put(key, Buffer.from('first'), signal);
  try {
    const after = Date.now();
    const second = await objects.put(key, Buffer.from('second'), signal);
    const found = await objects.get(key, signal);
    // What a killed probe left has its old time.
    const { mtimeMs } = await stat(join(path, key));
    const aheadMs = first === 'put' ? mtimeMs - (before + after) / 2 : null;
    return {
      keeps: second === 'other' && found !== null && Buffer.from(found).equals(Buffer.from('first')),
      left: await remove(path, key),
      aheadMs,
    };
  } catch (error) {
    await remove(path, key);
    throw error;
  }
}

/** null, or why it stays. */
async function remove(path: string, key: string): Promise<string | null> {
  return unlink(join(path, key)).then(
    () => null,
    (error: unknown) => systemCode(error),
  );
}
