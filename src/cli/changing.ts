/** What commands share that change a pipeline without being its detector: settings, what a person sees meanwhile, Ctrl-C. */
import { stderr } from './output.ts';
import type { Call } from './call.ts';
import type { Composition } from './compose.ts';
import type { RunView } from './run-view.ts';

export interface ChangeOptions {
  /** `--yes`: more than 1,000 new detections are accepted. */
  readonly yes: boolean;
  /** Said at Ctrl-C, and when it has ended the command. */
  readonly stopping: string;
  readonly stopped: () => string;
}

export interface Changing {
  readonly options: Composition['options'];
  readonly view: RunView;
  readonly signal: AbortSignal;
}

/** What is thrown after Ctrl-C is taken for its end. */
export async function withPipeline(
  call: Call,
  { yes, stopping, stopped }: ChangeOptions,
  work: (changing: Changing) => Promise<void>,
): Promise<void> {
  const [{ loadConfig }, { compose }, { catchInterruption }, { makeRunView }, { makeConfirm }] = await Promise.all([
    import('../config/load-config.ts'),
    import('./compose.ts'),
    import('./interruption.ts'),
    import('./run-view.ts'),
    import('./confirm.ts'),
  ]);
  const config = await loadConfig(call.configFile, call.env);
  const interruption = catchInterruption(stopping);
  const view = makeRunView({ isTerminal: stderr.isTerminal, watching: null });
  try {
    const { signal } = interruption;
    const composition = await compose(config, {
      env: call.env,
      commitChunks: null,
      confirm: makeConfirm(yes, () => view.end()),
      on: view.on,
      say: view.say,
      signal,
    });
    try {
      await work({ options: composition.options, view, signal });
    } catch (error) {
      if (!interruption.stopped) throw error;
      view.say(stopped());
    } finally {
      view.end();
      await composition.close();
    }
  } finally {
    interruption.end();
  }
}
