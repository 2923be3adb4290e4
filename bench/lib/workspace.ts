/** A temporary folder of a bench, and everything to be ended before it goes: in reverse order, also after Ctrl-C. */
import { makeTempFolder, removeFolder } from '../../test/helpers/temp-folder.ts';

export interface Workspace {
  readonly folder: string;
  /** Ended with the workspace. */
  keep<T extends { close(): Promise<void> }>(thing: T): T;
}

export async function withWorkspace<T>(name: string, work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const folder = makeTempFolder(`bench-${name}`);
  const kept: { close(): Promise<void> }[] = [];
  let ending: Promise<void> | null = null;
  const end = (): Promise<void> => {
    ending ??= (async () => {
      for (const thing of kept.splice(0).toReversed()) await thing.close().catch((error: unknown) => console.error(error));
      removeFolder(folder);
    })();
    return ending;
  };
  const interrupted = (): void => void end().finally(() => process.exit(130));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await work({
      folder,
      keep: (thing) => {
        kept.push(thing);
        return thing;
      },
    });
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await end();
  }
}
