/** Objects below a prefix of a bucket on S3, or on a store that speaks its language. */
import { assertLaw, type ErrorCode } from '../../core/error.ts';
import { whyNoKey } from '../key.ts';
import type { Objects } from '../objects.ts';
import { type Client, openClient, type S3Settings } from './client.ts';
import { errorOf, failureOf, isMissing } from './failure.ts';
import { listFolders, listPages, type Root } from './list.ts';
import { ConditionCheck, type Putting, putObject } from './put.ts';
import { readObject } from './read.ts';

export interface S3ObjectsOptions extends Root {
  readonly settings: S3Settings;
  /** What a failure that may pass is called: SOURCE_UNREADABLE or SINK_UNWRITABLE. */
  readonly code: ErrorCode;
  /** false: a failure is told after few attempts, to somebody who waits for the answer. */
  readonly patient?: boolean | undefined;
}

export function makeS3Objects({ bucket, prefix, settings, code, patient }: S3ObjectsOptions): Objects {
  const root: Root = { bucket, prefix };
  const url = `s3://${bucket}/${prefix}`;
  const conditions = new ConditionCheck();
  let opening: Promise<Client> | null = null;
  const client = (): Promise<Client> => (opening ??= openClient(settings, patient));

  function fail(error: unknown, action: string, signal?: AbortSignal, key = ''): never {
    signal?.throwIfAborted();
    throw errorOf(error, { action, place: url + key, bucket, code, endpoint: settings.endpoint });
  }

  async function run<T>(action: string, work: (client: Client) => Promise<T>, signal?: AbortSignal, key?: string): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await work(await client());
    } catch (error) {
      return fail(error, action, signal, key);
    }
  }

  async function* runAll<T>(
    action: string,
    work: (client: Client) => AsyncIterable<T>,
    signal?: AbortSignal,
    key?: string,
  ): AsyncGenerator<T> {
    signal?.throwIfAborted();
    try {
      yield* work(await client());
    } catch (error) {
      fail(error, action, signal, key);
    }
  }

  return {
    url,
    list: (signal, under = '') => runAll('listed', (client) => listPages(client, root, under, signal), signal),
    folders: (signal) => run('listed', (client) => listFolders(client, root, signal), signal),
    read: (object, signal, makeBlock) =>
      runAll('read', (client) => readObject({ client, root, object, signal, makeBlock }), signal, assertKey(object.key)),
    get: (key, signal) => run('read', (client) => getObject(client, root, assertKey(key), signal), signal, key),
    put: (key, bytes, signal) =>
      run(
        'written',
        (client) => {
          const putting: Putting = { client, root, key: assertKey(key), bytes, signal };
          return conditions.around(putting, () => putObject(putting));
        },
        signal,
        key,
      ),
    // An object appears whole or not at all: a killed writer leaves nothing.
    sweep: () => Promise.resolve(),
    close: async () => {
      const opened = await opening?.catch(() => null);
      opened?.s3.destroy();
    },
  };
}

async function getObject({ sdk, s3 }: Client, { bucket, prefix }: Root, key: string, signal?: AbortSignal): Promise<Uint8Array | null> {
  try {
    const found = await s3.send(
      new sdk.GetObjectCommand({ Bucket: bucket, Key: prefix + key, ChecksumMode: 'ENABLED' }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    return (await found.Body?.transformToByteArray()) ?? null;
  } catch (error) {
    if (isMissing(failureOf(error))) return null;
    throw error;
  }
}

/** Anything else is a bug of the caller. */
function assertKey(key: string): string {
  assertLaw(whyNoKey(key) === null && !key.endsWith('/'), 'keys of objects are relative, clean and name no folder');
  return key;
}
