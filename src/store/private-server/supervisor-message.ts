/** What a supervisor and the opener that started it tell each other. */
import type { ErrorCode } from '../../core/error.ts';

/** The command line of a supervisor, as JSON in one argument: readable in a list of processes, without secrets. */
export interface SupervisorTask {
  readonly root: string;
  /**
   * start: find or start the server; without the lock, wait for it as long as the opener waits.
   * adopt: watch over the server that runs; without the lock, take it if it is free (if not, the server has a supervisor).
   */
  readonly mode: 'start' | 'adopt';
  readonly takeOver: boolean;
  /** The descriptor by which it has inherited the lock, or null. */
  readonly lock: number | null;
}

/** Over Node's channel between parent and child. */
export type SupervisorMessage =
  | { readonly at: 'busy'; readonly why: string }
  | { readonly at: 'locked' }
  | { readonly at: 'progress'; readonly text: string }
  | { readonly at: 'ready' }
  | { readonly at: 'failed'; readonly code: ErrorCode; readonly message: string; readonly mend: string | null };

const places: readonly unknown[] = ['busy', 'locked', 'progress', 'ready', 'failed'];

/** Loaders write to the channel too. */
export function isSupervisorMessage(message: unknown): message is SupervisorMessage {
  return typeof message === 'object' && message !== null && 'at' in message && places.includes(message.at);
}
