/** Runs the detector of a config with everything that people see of it; resolves to the exit code. */
import { stat } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { TallyhoError } from '../core/error.ts';
import { runPipeline } from '../pipeline/run.ts';
import type { RunSummary } from '../pipeline/summary.ts';
import type { Store } from '../store/store.ts';
import type { Call } from './call.ts';
import { compose } from './compose.ts';
import { makeConfirm } from './confirm.ts';
import { findElsewhereOf } from './elsewhere.ts';
import { catchInterruption } from './interruption.ts';
import { stderr, stdout } from './output.ts';
import { makeRunView } from './run-view.ts';
import { summaryText } from './summary-text.ts';
import { lasting, placeText } from './words.ts';

export interface RunChoices {
  readonly once: boolean;
  readonly commitChunks: number | null;
  readonly yes: boolean;
  /** For another detector that holds the pipeline; null: hardly. */
  readonly waitMs: number | null;
  /** An output that is ahead counts as detected. */
  readonly adopt: boolean;
  /** A private state that was last in use on another machine is taken over. */
  readonly takeOverState: boolean;
  /** Tells at the end where the time went. */
  readonly profile: boolean;
}

/** A hint is not waited for. */
const elsewhereMs = 5_000;

export async function runDetector(config: Config, choices: RunChoices, call: Call): Promise<number> {
  const { once, commitChunks, yes, waitMs } = choices;
  const interruption = catchInterruption('Stopping: the commit in hand is finished first.');
  const { signal } = interruption;
  const watching = `Watching ${placeText(config.source)} every ${lasting(config.source.pollMs)}; detections go to ${placeText(config.sink)}. Ctrl-C ends it.`;
  const view = makeRunView({ isTerminal: stderr.isTerminal, watching: once ? null : watching });
  const profile = choices.profile ? await (await import('./profile/profile.ts')).startProfile() : null;
  let isListed = false;
  let isIdle = false;
  let isReevaluated = false;
  try {
    if (once) await assertSourceThere(config);
    const composition = await compose(config, {
      env: call.env,
      commitChunks,
      waitMs,
      confirm: makeConfirm(yes, () => view.end()),
      on: (event) => {
        if (event.kind === 'listed') {
          isListed = true;
          isIdle = event.todo === 0;
        }
        isReevaluated ||= event.kind === 'reevaluated';
        view.on(event);
      },
      say: view.say,
      readEarly: true,
      takeOverState: choices.takeOverState,
      profile,
      signal,
    });
    const { options } = composition;
    try {
      const summary = await runPipeline({ ...options, adopt: choices.adopt }, { once, signal });
      view.end();
      const actions = new Map(config.patterns.map(({ id, action }) => [id, action]));
      const isEmpty = isListed && hasDoneNothing(summary) && !(await hasSeenChunk(options.store));
      const isCutShort = interruption.stopped && !isIdle;
      const elsewhere = isEmpty && once ? await findElsewhereOf(config, AbortSignal.timeout(elsewhereMs)) : [];
      const context = { source: options.source.url, sink: options.sink.url, actions, isEmpty, isReevaluated, isCutShort, elsewhere };
      await stdout.lines(summaryText(summary, context));
      if (interruption.stopped) view.say('Stopped as asked. The next start goes on from here.');
      return once ? exitCode(summary) : 0;
    } finally {
      view.end();
      await composition.close();
    }
  } finally {
    interruption.end();
    if (profile !== null) await stderr.lines(['', ...(await profile.end())]);
  }
}

function hasDoneNothing({ outcomes }: RunSummary): boolean {
  return Object.values(outcomes).every((count) => count === 0);
}

/** Whether the ledger has a line of any chunk. A store that has gone meanwhile is no reason to hide what the run did. */
async function hasSeenChunk(store: Store): Promise<boolean> {
  return store.counts().then(
    ({ outcomes }) => Object.values(outcomes).some((count) => count > 0),
    () => true,
  );
}

function exitCode({ incidents, grew }: RunSummary): number {
  return incidents > 0 || grew.length > 0 ? 1 : 0;
}

/** A detector that watches waits for its folder to be made; one that looks once would find that it is not there. */
async function assertSourceThere({ source, file }: Config): Promise<void> {
  if (source.location.kind !== 'file') return;
  const { path } = source.location;
  const isThere = await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
  if (!isThere)
    throw new TallyhoError('SOURCE_UNREADABLE', `The source ${path} is not there.`, {
      mend: `Make the folder, or mend source.url in ${file}.`,
    });
}
