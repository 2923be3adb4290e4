/**
 * Watches over a running server, and stops it when no client has been connected for a while.
 *
 * A client is every session but our own. Looking now and then misses short sessions, so the number of sessions that
 * there ever were counts too.
 *
 * Ends when the server is gone, whoever ended it. It is not started again here: clients that miss it come through the
 * front door, where the lock is taken and everything is judged afresh.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bell } from './bell.ts';
import { findBinaries } from './binaries.ts';
import type { RunningServer } from './find-or-start.ts';
import { knock, type Session, supervisorName } from './knock.ts';
import { signalServer, stopServer } from './launch.ts';
import type { Lock } from './lock.ts';
import { isPostgres, serverProcesses } from './processes.ts';
import { boundLog } from './server-log.ts';
import type { StateFolder } from './state-folder.ts';

const lingerMs = 5000;
const pauseMs = 500;

/** wait: stop when no client is left, without lingering. now: stop at once. (Signals to the supervisor.) */
export type Hurry = 'no' | 'wait' | 'now';

export interface Watch {
  readonly hurry: () => Hurry;
  /** Rings when our session has ended, or `hurry` has changed. */
  readonly bell: Bell;
}

export async function supervise(folder: StateFolder, running: RunningServer, lock: Lock, watch: Watch): Promise<void> {
  const { postmaster } = await serverProcesses(folder.data);
  const knocking = { applicationName: supervisorName, mayChangeFolder: true, onClose: () => watch.bell.ring() };
  let session: Session | undefined = running.session;
  let sessionsEver = -1;
  let lastSeen = performance.now();
  for (;;) {
    if (!(await lock.intact())) {
      await session?.end();
      return await endDeleted(postmaster);
    }
    const usage: Usage | undefined = session && (await usageOf(session).catch(() => undefined));
    if (usage === undefined) {
      await session?.end();
      const answer = await knock(folder, knocking);
      session = answer.kind === 'answers' ? answer.session : undefined;
      if (answer.kind === 'absent' && (await serverProcesses(folder.data)).postmaster === undefined) return;
    } else {
      if (usage.clients > 0 || usage.sessionsEver !== sessionsEver) lastSeen = performance.now();
      sessionsEver = usage.sessionsEver;
      const idle = usage.clients === 0 && performance.now() - lastSeen >= (watch.hurry() === 'no' ? lingerMs : 0);
      if (idle || watch.hurry() === 'now') {
        await session?.end();
        return await stop(folder, postmaster);
      }
    }
    await boundLog(folder.log);
    await watch.bell.wait(pauseMs);
  }
}

interface Usage {
  readonly clients: number;
  readonly sessionsEver: number;
}

async function usageOf(session: Session): Promise<Usage> {
  const [row] = await session.sql<[{ clients: number; sessions: number }]>`
    select
      (select count(*)::int from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()) as clients,
      (select sum(sessions)::float8 from pg_stat_database) as sessions`;
  return { clients: row.clients, sessionsEver: row.sessions };
}

async function stop(folder: StateFolder, postmaster: number | undefined): Promise<void> {
  if (postmaster === undefined) return await stopUnseen(folder);
  await stopServer(folder, process.platform === 'win32' ? await findBinaries(undefined) : undefined, postmaster);
}

/**
 * A server that answers and whose process is not to be seen lives in another container, where its supervisor was killed.
 * No signal reaches it; but a postmaster that misses its postmaster.pid (it looks once a minute) ends itself.
 */
async function stopUnseen(folder: StateFolder): Promise<void> {
  await rm(join(folder.data, 'postmaster.pid'), { force: true });
  for (;;) {
    const answer = await knock(folder, { applicationName: supervisorName, mayChangeFolder: true });
    if (answer.kind === 'absent') return;
    if (answer.kind === 'answers') await answer.session.end();
    await sleep(1000);
  }
}

/** The state folder was deleted under the server: nothing is left to keep, so it is only ended. */
async function endDeleted(postmaster: number | undefined): Promise<void> {
  if (postmaster !== undefined && (await isPostgres(postmaster))) signalServer(postmaster, 'SIGQUIT');
}
