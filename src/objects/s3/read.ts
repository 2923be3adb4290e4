/**
 * The bytes of exactly the version that was listed: every request carries its ETag (`If-Match`), so a store that has
 * another one by now refuses, and what goes on after a cut connection is of the same object.
 *
 * A whole response is checked by the SDK against the checksum that the store keeps, if it keeps one; the length always.
 * The last block is handed out only when all is known to be there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TallyhoError } from '../../core/error.ts';
import type { MakeBlock, ObjectInfo } from '../objects.ts';
import type { Client } from './client.ts';
import { failureOf, isConditionUnmet, isMissing } from './failure.ts';
import type { Root } from './list.ts';

const blockSize = 1 << 20;
/** Connections that are cut one after the other without a byte in between. */
const mostCuts = 6;
const firstPauseMs = 100;
const mostPauseMs = 5_000;

export interface Reading {
  readonly client: Client;
  readonly root: Root;
  readonly object: ObjectInfo;
  readonly signal?: AbortSignal | undefined;
  readonly makeBlock?: MakeBlock | undefined;
}

export async function* readObject(reading: Reading): AsyncGenerator<Uint8Array> {
  const { object, makeBlock = (bytes: number) => Buffer.allocUnsafeSlow(bytes) } = reading;
  let block: Uint8Array | null = null;
  let filled = 0;
  let received = 0;
  for await (const bytes of piecesOf(reading)) {
    received += bytes.length;
    if (received > object.size) throw changed(reading, 'it has more bytes than were listed');
    for (let taken = 0; taken < bytes.length; ) {
      block ??= makeBlock(Math.min(blockSize, object.size - (received - bytes.length) - taken));
      const more = Math.min(block.length - filled, bytes.length - taken);
      block.set(bytes.subarray(taken, taken + more), filled);
      taken += more;
      filled += more;
      // The last one waits for the end, which is where the checksum is compared.
      if (filled === block.length && received - bytes.length + taken < object.size) {
        yield block;
        block = null;
        filled = 0;
      }
    }
  }
  if (received < object.size) throw changed(reading, 'it has fewer bytes than were listed');
  if (block !== null) yield block;
}

/** What comes over the wire, going on where a connection was cut. */
async function* piecesOf(reading: Reading): AsyncGenerator<Uint8Array> {
  const { signal } = reading;
  let offset = 0;
  for (let cuts = 0; ; ) {
    const body = await open(reading, offset);
    try {
      for await (const bytes of body) {
        signal?.throwIfAborted();
        offset += bytes.length;
        cuts = 0;
        yield bytes;
      }
      if (offset >= reading.object.size) return;
    } catch (error) {
      if (signal?.aborted === true || !isCut(error) || cuts >= mostCuts) throw error;
    } finally {
      body.destroy();
    }
    cuts += 1;
    if (cuts > mostCuts) return;
    await sleep(Math.random() * Math.min(mostPauseMs, firstPauseMs * 2 ** cuts), undefined, signal === undefined ? {} : { signal });
  }
}

interface Body extends AsyncIterable<Uint8Array> {
  destroy(): void;
}

async function open(reading: Reading, offset: number): Promise<Body> {
  const { client, root, object, signal } = reading;
  try {
    const response = await client.s3.send(
      new client.sdk.GetObjectCommand({
        Bucket: root.bucket,
        Key: root.prefix + object.key,
        IfMatch: `"${object.version}"`,
        ...(offset === 0 ? { ChecksumMode: 'ENABLED' } : { Range: `bytes=${offset}-` }),
      }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    const left = object.size - offset;
    const body = response.Body as unknown as Body;
    if (response.ContentLength !== undefined && response.ContentLength !== left) {
      body.destroy();
      throw changed(reading, `${response.ContentLength} bytes come where ${left} are expected`);
    }
    return body;
  } catch (error) {
    const failure = failureOf(error);
    if (isConditionUnmet(failure)) throw changed(reading, 'another version took its place');
    if (isMissing(failure)) throw new TallyhoError('OBJECT_MISSING', `${place(reading)} is not there any more.`, { cause: error });
    // What was there has become shorter, and its ETag stayed: a store that does not know If-Match.
    if (failure.status === 416) throw changed(reading, 'it became shorter');
    throw error;
  }
}

/** The connection ended in the middle. A checksum that differs is no such thing. */
function isCut(error: unknown): boolean {
  if (error instanceof TallyhoError) return false;
  const { name, status, message } = failureOf(error);
  return (
    status === null &&
    (/^(ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ERR_STREAM_PREMATURE_CLOSE|TimeoutError)$/.test(name) ||
      /aborted|socket hang up|premature/i.test(message))
  );
}

function changed(reading: Reading, how: string): TallyhoError {
  return new TallyhoError('OBJECT_CHANGED', `${place(reading)} changed since it was listed: ${how}.`, {
    mend: 'List it again; it is then read as it is.',
  });
}

function place({ root, object }: Reading): string {
  return `s3://${root.bucket}/${root.prefix}${object.key}`;
}
