/**
 * COPY through the client: its bytes out, past the client where they can be had (copy-data.ts), and bytes in. Where the client
 * would wait for ever (paused as the copy ends, an error behind its last byte), it is watched from here.
 */
import type { Writable } from 'node:stream';
import { setImmediate as breathe } from 'node:timers/promises';
import type postgres from 'postgres';
import { CopyFilter, type UseBytes } from './copy-data.ts';
import type { OneSocket } from './one-socket.ts';

/** Bytes in pieces, cut anywhere. */
export type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

type Statement = postgres.PendingQuery<postgres.Row[]>;

/** Nothing else may be unanswered on the connection. Resolves when all is read; rejects with what `use` threw. */
export async function copyOut(statement: Statement, socket: OneSocket, use: UseBytes): Promise<void> {
  let failure: Error | null = null;
  // What comes after a failure is read all the same.
  const take: UseBytes = (bytes, start, end) => {
    if (failure !== null) return;
    try {
      use(bytes, start, end);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
  };
  const filter = new CopyFilter(take, socket.handOn);
  const isBetween = socket.intercept((bytes) => filter.take(bytes));
  try {
    const stream = await statement.readable();
    await new Promise<void>((resolve, reject) => {
      stream.once('end', resolve).once('error', reject);
      // Flowing, so that the client never pauses the connection: paused as the copy ends, it would never go on.
      stream.on('data', (bytes: Buffer) => take(bytes, 0, bytes.length));
    });
    if (failure !== null) throw failure as Error;
  } finally {
    if (isBetween) {
      socket.release();
      if (filter.rest.length > 0) socket.handOn(filter.rest);
    }
  }
}

/** Resolves when the server has all rows. */
export async function copyIn(statement: Statement, chunks: Pieces): Promise<void> {
  const failed = failureOf(statement);
  const stream = await statement.writable();
  const finished = new Promise<void>((resolve, reject) => void stream.once('finish', resolve).once('error', reject));
  finished.catch(() => {});
  try {
    for await (const chunk of chunks) {
      if (stream.destroyed) break;
      if (!stream.write(chunk)) await drained(stream);
      // Making the pieces is work: others have their turn in between, though the server may take them as fast as they come.
      await breathe();
    }
  } catch (error) {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
  stream.end();
  await Promise.race([finished, failed]);
}

/**
 * The client forgets an error that comes after the last byte of a COPY: its promise is settled by then, and the stream never
 * finishes. So the one function through which it reports errors of a statement is watched.
 */
function failureOf(statement: object): Promise<never> {
  const reports = statement as { reject: (error: unknown) => void };
  const failed = new Promise<never>((_, reject) => {
    const report = reports.reject;
    reports.reject = (error) => {
      report(error);
      reject(error instanceof Error ? error : new Error(String(error)));
    };
  });
  failed.catch(() => {});
  return failed;
}

/** There is room again, or nobody will ever read. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      stream.off('drain', go).off('close', go);
      resolve();
    };
    stream.on('drain', go).on('close', go);
  });
}
