/** Runs the detector of a config with everything that people see of it; resolves to the exit code. */
import type { Config } from '../config/config.ts';
import { runPipeline } from '../pipeline/run.ts';
import type { RunSummary } from '../pipeline/summary.ts';
import type { Call } from './call.ts';
import { compose } from './compose.ts';
import { makeConfirm } from './confirm.ts';
import { catchInterruption } from './interruption.ts';
import { stderr, stdout } from './output.ts';
import { makeRunView } from './run-view.ts';
import { summaryText } from './summary-text.ts';
import { lasting } from './words.ts';

export interface RunChoices {
  readonly once: boolean;
  readonly commitChunks: number | null;
  readonly yes: boolean;
}

export async function runDetector(config: Config, choices: RunChoices, call: Call): Promise<number> {
  const { once, commitChunks, yes } = choices;
  const interruption = catchInterruption('Stopping: the commit in hand is finished first.');
  const { signal } = interruption;
  const watching = `Watching ${config.source.url} every ${lasting(config.source.pollMs)}; detections go to ${config.sink.url}. Ctrl-C ends it.`;
  const view = makeRunView({ isTerminal: stderr.isTerminal, watching: once ? null : watching });
  try {
    const composition = await compose(config, {
      env: call.env,
      commitChunks,
      confirm: makeConfirm(yes, () => view.end()),
      on: view.on,
      say: view.say,
      signal,
    });
    const { options } = composition;
    try {
      const summary = await runPipeline(options, { once, signal });
      view.end();
      const actions = new Map(config.patterns.map(({ id, action }) => [id, action]));
      await stdout.lines(summaryText(summary, { source: options.source.url, sink: options.sink.url, actions }));
      if (interruption.stopped) view.say('Stopped as asked. The next start goes on from here.');
      return once ? exitCode(summary) : 0;
    } finally {
      view.end();
      await composition.close();
    }
  } finally {
    interruption.end();
  }
}

function exitCode({ incidents, grew }: RunSummary): number {
  return incidents > 0 || grew.length > 0 ? 1 : 0;
}
