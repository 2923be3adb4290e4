/** What the holder of the lock does, from the lock to the end of the server. */
import type { Bell } from './bell.ts';
import { removeDoor } from './door.ts';
import { findOrStart } from './find-or-start.ts';
import type { Lock } from './lock.ts';
import { endDeletedServer } from './launch.ts';
import { giveTo, runAs } from './run-as.ts';
import { removeSocketFolder } from './socket-folder.ts';
import type { StateFolder } from './state-folder.ts';
import { type Hurry, supervise } from './supervise.ts';
import type { SupervisorMessage, SupervisorTask } from './supervisor-message.ts';
import { sweep } from './sweep.ts';

export interface Holder {
  readonly mode: SupervisorTask['mode'];
  readonly takeOver: boolean;
  readonly report: (message: SupervisorMessage) => Promise<void>;
  readonly hurry: () => Hurry;
  /** Rings when `hurry` has changed. */
  readonly bell: Bell;
}

export async function holdServer(folder: StateFolder, lock: Lock, holder: Holder): Promise<void> {
  const user = await runAs(folder);
  // Deleted while this process slept: nothing is left to keep, and another state may lie under the name.
  if (!(await lock.intact())) return await endDeletedServer(folder, user);
  await holder.report({ at: 'locked' });
  await giveTo(user, folder.lock);
  const running = await findOrStart(folder, {
    user,
    mayStart: holder.mode === 'start',
    takeOver: holder.takeOver,
    onProgress: (text) => void holder.report({ at: 'progress', text }),
    onSessionClose: () => holder.bell.ring(),
  });
  if (running === undefined) return;
  await holder.report({ at: 'ready' });
  // Adopted through the socket in the data folder, there is no folder of ours.
  const socketFolder = running.way.socketFolder === folder.data ? '' : running.way.socketFolder;
  // What could not be swept is swept next time.
  await sweep(folder, socketFolder, user).catch(() => {});
  await supervise(folder, running, lock, holder);
  // The server is gone. If the state folder was deleted, another may already have one under this name.
  if (await lock.intact()) await removeDoor(folder);
  if (socketFolder !== '') await removeSocketFolder(socketFolder);
}
