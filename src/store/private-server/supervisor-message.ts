/** What a supervisor and the opener that started it tell each other. */
import type { ErrorCode } from '../../core/error.ts';

/** The command line of a supervisor, as JSON in one argument: readable in a list of processes, without secrets. */
export interface SupervisorTask {
  readonly root: string;
  /**
   * start: wait for the lock as long as the opener waits, then find or start the server.
   * adopt: take the lock if it is free; if not, the server has a supervisor.
   */
  readonly mode: 'start' | 'adopt';
  readonly takeOver: boolean;
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
