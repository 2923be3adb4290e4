/**
 * A real S3 server for tests (scripts/s3-server.mjs), on 127.0.0.1, under a watchdog that ends it with the test process.
 * A bucket costs 10 ms, so each test may have its own.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { s3ServerMissing, s3ServerProgram } from '../../scripts/s3-server.mjs';
import type { S3Settings } from '../../src/objects/s3/client.ts';
import { freePort } from './free-port.ts';

export { s3ServerMissing };

export interface S3Server {
  readonly port: number;
  readonly endpoint: string;
  readonly settings: S3Settings;
  /** With all rights. */
  readonly client: S3Client;
  /** A new one; its name. */
  makeBucket(): Promise<string>;
  overwrite(bucket: string, key: string, bytes: Uint8Array): Promise<void>;
  remove(bucket: string, key: string): Promise<void>;
  /** All objects below a prefix, by their keys there; bytes as base64. */
  readTree(bucket: string, prefix: string): Promise<Map<string, string>>;
  close(): Promise<void>;
}

const accessKeyId = 'tester';
const secretAccessKey = 'Tally-ho-secret-7';

export async function startS3Server(): Promise<S3Server> {
  const missing = s3ServerMissing();
  if (missing !== undefined) throw new Error(missing);
  let problem = '';
  // A free port may be taken before the server has it.
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const port = await freePort();
    const task = JSON.stringify({ program: s3ServerProgram, port, accessKeyId, secretAccessKey });
    const watchdog = spawn(process.execPath, [fileURLToPath(new URL('./s3-server-watchdog.mjs', import.meta.url)), task], {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = new Promise<void>((resolve) => watchdog.once('exit', () => resolve()));
    const line = await new Promise<string>((resolve) => {
      createInterface(watchdog.stdout).once('line', resolve);
      void ended.then(() => resolve('it ended without a word'));
    });
    if (line !== 'ready') {
      problem = line;
      continue;
    }
    watchdog.stdout.destroy();
    watchdog.unref();
    const close = async (): Promise<void> => {
      watchdog.ref();
      watchdog.stdin.end();
      await ended;
    };
    return serverAt(port, close);
  }
  throw new Error(`The S3 server of the tests does not start: ${problem}`);
}

function serverAt(port: number, end: () => Promise<void>): S3Server {
  const endpoint = `http://127.0.0.1:${port}`;
  const settings: S3Settings = { endpoint, region: 'us-east-1', forcePathStyle: true, accessKeyId, secretAccessKey, sessionToken: null };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  let buckets = 0;
  return {
    port,
    endpoint,
    settings,
    client,
    makeBucket: async () => {
      buckets += 1;
      const Bucket = `bucket-${process.pid}-${buckets}`;
      await client.send(new CreateBucketCommand({ Bucket }));
      return Bucket;
    },
    overwrite: async (Bucket, Key, Body) => void (await client.send(new PutObjectCommand({ Bucket, Key, Body }))),
    remove: async (Bucket, Key) => void (await client.send(new DeleteObjectCommand({ Bucket, Key }))),
    readTree: async (Bucket, Prefix) => {
      const tree = new Map<string, string>();
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
        for (const { Key = '' } of Contents) {
          const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
          tree.set(Key.slice(Prefix.length), (await Body?.transformToString('base64')) ?? '');
        }
      }
      return tree;
    },
    close: async () => {
      client.destroy();
      await end();
    },
  };
}
