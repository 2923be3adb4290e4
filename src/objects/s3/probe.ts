/**
 * Looks at what a bucket allows and how its clock goes, by an object of its own name. That object alone is written, and it is
 * removed again; where this may not be, one small object stays, the next probe finds it, and a put over it must be refused all the same.
 */
import type { SinkProbe } from '../probe.ts';
import { type Client, openClient, type S3Settings } from './client.ts';
import { type Failure, errorOf, failureOf, isConditionUnmet, type What } from './failure.ts';
import type { Root } from './list.ts';

const first = Buffer.from('Written by tallyho doctor, to see what this place allows. It may be removed.\n');
const second = Buffer.from('A store that keeps conditional writes refuses this.\n');

export async function probeS3(root: Root, key: string, settings: S3Settings, signal: AbortSignal): Promise<SinkProbe> {
  const client = await openClient(settings, false);
  const clock = watchClock(client);
  const what: What = {
    action: 'written',
    place: `s3://${root.bucket}/${root.prefix}${key}`,
    bucket: root.bucket,
    code: 'SINK_UNWRITABLE',
    endpoint: settings.endpoint,
  };
  try {
    await putIfAbsent(client, root, key, first, signal);
    const refused = !(await putIfAbsent(client, root, key, second, signal));
    const found = await get(client, root, key, signal).catch((error: unknown) => {
      throw errorOf(error, { ...what, action: 'read' });
    });
    return { keeps: refused && Buffer.compare(found, first) === 0, left: await remove(client, root, key, signal), aheadMs: clock.aheadMs };
  } catch (error) {
    signal.throwIfAborted();
    throw errorOf(error, what);
  } finally {
    client.s3.destroy();
  }
}

/** By how many ms the clock of a bucket's store is ahead of ours; null where it does not say. */
export async function s3ClockAhead({ bucket, prefix }: Root, settings: S3Settings, signal: AbortSignal): Promise<number | null> {
  const client = await openClient(settings, false);
  const clock = watchClock(client);
  try {
    await client.s3.send(new client.sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }), { abortSignal: signal });
    return clock.aheadMs;
  } finally {
    client.s3.destroy();
  }
}

/** False: refused, because something stands there. */
async function putIfAbsent({ s3, sdk }: Client, root: Root, key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
  try {
    const object = { Bucket: root.bucket, Key: root.prefix + key, Body: bytes, ContentLength: bytes.length, ContentType: 'text/plain' };
    await s3.send(new sdk.PutObjectCommand({ ...object, IfNoneMatch: '*' }), { abortSignal: signal });
    return true;
  } catch (error) {
    if (isConditionUnmet(failureOf(error))) return false;
    throw error;
  }
}

async function get({ s3, sdk }: Client, root: Root, key: string, signal: AbortSignal): Promise<Uint8Array> {
  const { Body } = await s3.send(new sdk.GetObjectCommand({ Bucket: root.bucket, Key: root.prefix + key }), { abortSignal: signal });
  return (await Body?.transformToByteArray()) ?? new Uint8Array();
}

/** null, or why it stays. */
async function remove({ s3, sdk }: Client, root: Root, key: string, signal: AbortSignal): Promise<string | null> {
  try {
    await s3.send(new sdk.DeleteObjectCommand({ Bucket: root.bucket, Key: root.prefix + key }), { abortSignal: signal });
    return null;
  } catch (error) {
    const { name, status }: Failure = failureOf(error);
    return status === null ? name : `${name} (${status})`;
  }
}

/** Of all answers the one that came soonest after its question, since its date is the surest. */
function watchClock({ s3 }: Client): { readonly aheadMs: number | null } {
  let best = Number.POSITIVE_INFINITY;
  let aheadMs: number | null = null;
  s3.middlewareStack.add(
    (next) => async (args) => {
      const asked = Date.now();
      const result = await next(args);
      const took = Date.now() - asked;
      const { headers } = result.response as { readonly headers?: Readonly<Record<string, string>> };
      const date = Date.parse(headers?.['date'] ?? '');
      if (!Number.isNaN(date) && took < best) {
        best = took;
        // The date is cut to whole seconds: half a second more is its best guess.
        aheadMs = date + 500 - (asked + took / 2);
      }
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'watchClock' },
  );
  return {
    get aheadMs() {
      return aheadMs;
    },
  };
}
