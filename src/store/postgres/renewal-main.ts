/**
 * The thread that renews the lease (renewal-thread.ts), at its start and then every `everyMs`, until it is told to end or finds that
 * the epoch is not ours any more. It gives nothing up: a renewal that fails is told and tried again, on a new connection if need be.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { describeAddress } from './address.ts';
import { lockTimeout, sqlState, storeError } from './failure.ts';
import { renewLease } from './fence.ts';
import type { RenewalAnswer, RenewalTask } from './renewal-messages.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';

/** In a row: the lease outlasts them. */
const toldFailures = 2;

const port = parentPort!;
const { connection, pipeline, epoch, seconds, everyMs, patienceMs, beats } = workerData as RenewalTask;
const words = new Int32Array(beats);
const where = describeAddress(connection);
const sessions = new Sessions(connection, pipeline, where, false);
const ending = new AbortController();
const heard = { beat: -1, at: 0 };

/** Of a main thread that hangs for ever the lease runs out. A long step is none: it is heard again when it has ended. */
function isMainAlive(): boolean {
  const beat = Atomics.load(words, 0);
  if (beat !== heard.beat) Object.assign(heard, { beat, at: performance.now() });
  return performance.now() - heard.at < patienceMs;
}

async function open(): Promise<Session> {
  const session = await sessions.openToWrite();
  await sessions.prepareToWrite(session, 'lease');
  return session;
}

async function renewUntilEnd(): Promise<void> {
  let session: Session | null = null;
  let failures = 0;
  while (!ending.signal.aborted) {
    try {
      if (isMainAlive()) {
        if (session === null || session.ended !== null) session = await open();
        const { count } = await session.query(renewLease, [pipeline, epoch, seconds]);
        if (count === 0) return answer({ kind: 'fenced' });
        failures = 0;
      }
    } catch (error) {
      // A long transaction of our own has the row, and has said before how long it may take.
      if (!ending.signal.aborted && sqlState(error) !== lockTimeout) {
        // One that the server has ended may be told by the writer, whose connection it has ended too.
        if (++failures === toldFailures) answer({ kind: 'failed', why: storeError(error, 'renew the lease', where).message });
        await session?.close();
      }
    }
    await sleep(everyMs, undefined, { signal: ending.signal }).catch(() => {});
  }
}

function answer(message: RenewalAnswer): void {
  port.postMessage(message);
}

port.once('message', () => {
  ending.abort();
  void sessions.close();
});
void renewUntilEnd()
  .then(() => sessions.close())
  .then(() => port.close());
