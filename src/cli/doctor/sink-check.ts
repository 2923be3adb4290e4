/** The sink: can it be listed, is a put over an object refused, can what was put be read? */
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '../../config/config.ts';
import { openObjects } from '../../objects/open-objects.ts';
import { probeKey, probeSink } from '../../objects/probe.ts';
import { parseFolderName } from '../../sink/output-name.ts';
import { counted, placeText } from '../words.ts';
import { type Check, failed, type Finding, ok } from './check.ts';
import type { Clocks } from './clocks.ts';

export function sinkCheck(config: Config, clocks: Clocks): Check {
  return { name: 'sink', look: (signal) => lookAtSink(config, clocks, signal) };
}

async function lookAtSink(config: Config, clocks: Clocks, signal: AbortSignal): Promise<Finding> {
  const { sink, s3 } = config;
  const { location, url } = sink;
  const place = placeText(sink);
  if (location.kind === 'file' && !(await isThere(location.path))) return lookAbove(location.path);
  const objects = openObjects(url, { role: 'sink', base: config.folder, s3, patient: false });
  try {
    const folders = (await objects.folders(signal)).filter((name) => parseFolderName(name) !== null).length;
    const { keeps, left, aheadMs } = await probeSink(location, s3, signal);
    clocks.note(location.kind === 's3' ? `the store of ${url}` : 'the disk of the sink', aheadMs);
    if (!keeps)
      return failed(
        `${place} does not refuse a put over an object that is there: it would overwrite what others wrote`,
        'Use a store that keeps conditional writes (If-None-Match), such as Amazon S3, Cloudflare R2, MinIO, Ceph or versitygw, or a folder.',
      );
    const stays =
      left === null
        ? 'the object of this probe was removed again'
        : `the object of this probe stays, since this user may not remove it (${left}), nor need he: ${probeKey} may be removed, the next probe uses it again`;
    return ok(`${place}: ${counted(folders, 'folder')} of detections; put, read and list work, overwriting is refused; ${stays}`);
  } finally {
    await objects.close();
  }
}

export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
}

/** A detector makes the folder; whether it may is seen at the nearest one that is there. */
async function lookAbove(path: string): Promise<Finding> {
  let above = dirname(path);
  while (!(await isThere(above)) && above !== dirname(above)) above = dirname(above);
  const may = await access(above, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (may) return ok(`${path} is not there yet: the first run makes it in ${above}`);
  return failed(`${path} is not there, and this user may not make it in ${above}`, 'Make the folder, or give this user the right to.');
}
