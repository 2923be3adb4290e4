/**
 * Ctrl-C and SIGTERM for commands that change something.
 *
 * The first asks to stop: the work in hand is finished and the command ends as if it were done. The second ends the
 * process at once (130), which is safe too: whatever was not committed has not happened.
 */
import { say } from './output.ts';

export interface Interruption {
  readonly signal: AbortSignal;
  readonly stopped: boolean;
  /** Signals end the process again. */
  end(): void;
}

export function catchInterruption(promise: string): Interruption {
  const controller = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    say(`\n${promise} Once more ends it at once.`);
    controller.abort();
  };
  for (const name of signals) process.on(name, stop);
  return {
    signal: controller.signal,
    get stopped() {
      return controller.signal.aborted;
    },
    end() {
      for (const name of signals) process.off(name, stop);
    },
  };
}
