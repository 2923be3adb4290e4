/**
 * Put if absent (PROTOCOL.md 4.3): `If-None-Match: *` with the bytes' SHA-256. Whatever a retry does not know, whether an
 * earlier attempt took place, is told by what stands there: equal bytes are success, others are left alone.
 *
 * A store that ignores the condition would overwrite. Before the first put of a process the key is looked at, and after it
 * the same bytes are put once more, which must be refused.
 */
import { createHash } from 'node:crypto';
import { TallyhoError } from '../../core/error.ts';
import type { PutResult } from '../objects.ts';
import type { Client } from './client.ts';
import { failureOf, isConditionUnmet, isConflict, isMissing } from './failure.ts';
import type { Root } from './list.ts';

/** Objects that come and go while we put: somebody removes them. */
const mostRounds = 10;

export interface Putting {
  readonly client: Client;
  readonly root: Root;
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/** Whether the store is known to refuse a put over an object; one for all puts to it. */
export class ConditionCheck {
  #checked: Promise<void> | null = null;

  /** The first put of all, which tells; others wait for it. */
  async around(putting: Putting, put: () => Promise<PutResult>): Promise<PutResult> {
    if (this.#checked !== null) {
      await this.#checked;
      return put();
    }
    let result: PutResult | undefined;
    this.#checked = (async () => {
      const there = await compare(putting);
      if (there !== 'gone') {
        // Nothing was put, so nothing was learnt: the next one tells.
        result = there;
        this.#checked = null;
        return;
      }
      result = await put();
      // Where other bytes came between, the condition was kept.
      if (result === 'put' && (await attempt(putting)) === 'put') throw ignoresConditions(putting.root.bucket);
    })();
    try {
      await this.#checked;
    } catch (error) {
      this.#checked = null;
      throw error;
    }
    return result!;
  }
}

export async function putObject(putting: Putting): Promise<PutResult> {
  for (let round = 0; round < mostRounds; round++) {
    putting.signal?.throwIfAborted();
    const done = await attempt(putting);
    if (done === 'put') return 'put';
    const there = done === 'conflict' ? 'gone' : await compare(putting);
    if (there !== 'gone') return there;
  }
  // S3 puts over a delete marker; a store that counts it as an object would refuse for ever.
  throw new Error(
    `${mostRounds} puts in turn were refused because an object stands there, and none was found: it comes and goes, or it was deleted in a versioned bucket and the store counts the delete marker as an object (then delete that version too)`,
  );
}

async function attempt({ client, root, key, bytes, signal }: Putting): Promise<'put' | 'conflict' | 'unmet'> {
  try {
    await client.s3.send(
      new client.sdk.PutObjectCommand({
        Bucket: root.bucket,
        Key: root.prefix + key,
        Body: bytes,
        ContentLength: bytes.length,
        ContentType: contentType(key),
        IfNoneMatch: '*',
        ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
      }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    return 'put';
  } catch (error) {
    const failure = failureOf(error);
    if (isConditionUnmet(failure)) return 'unmet';
    if (isConflict(failure)) return 'conflict';
    throw error;
  }
}

/** By the checksum that the store keeps, else by the bytes. */
async function compare({ client, root, key, bytes, signal }: Putting): Promise<PutResult | 'gone'> {
  const where = { Bucket: root.bucket, Key: root.prefix + key };
  const options = signal === undefined ? {} : { abortSignal: signal };
  try {
    // An answer to HEAD has no body, so a refusal does not say why: GET then does.
    const head = await client.s3
      .send(new client.sdk.HeadObjectCommand({ ...where, ChecksumMode: 'ENABLED' }), options)
      .catch(unlessMissing);
    if (head?.ContentLength !== undefined && head.ContentLength !== bytes.length) return 'other';
    if (head?.ChecksumSHA256 !== undefined && head.ChecksumType !== 'COMPOSITE')
      return head.ChecksumSHA256 === createHash('sha256').update(bytes).digest('base64') ? 'same' : 'other';
    const found = await client.s3.send(new client.sdk.GetObjectCommand({ ...where, ChecksumMode: 'ENABLED' }), options);
    const stored = (await found.Body?.transformToByteArray()) ?? new Uint8Array();
    return Buffer.compare(stored, bytes) === 0 ? 'same' : 'other';
  } catch (error) {
    if (isMissing(failureOf(error))) return 'gone';
    throw error;
  }
}

/** Missing is an answer; of anything else GET tells more. */
function unlessMissing(error: unknown): null {
  if (isMissing(failureOf(error))) throw error;
  return null;
}

function contentType(key: string): string {
  if (key.endsWith('.csv')) return 'text/csv; charset=utf-8';
  if (key.endsWith('.jsonl')) return 'application/x-ndjson';
  return 'application/octet-stream';
}

function ignoresConditions(bucket: string): TallyhoError {
  return new TallyhoError(
    'S3_UNSUITABLE',
    `The store of the bucket ${bucket} ignores "If-None-Match: *": it would overwrite what is there.`,
    {
      mend: 'Use a store that keeps conditional writes (Amazon S3, Cloudflare R2, MinIO, Ceph, versitygw in newer releases), or a folder as the sink.',
    },
  );
}
