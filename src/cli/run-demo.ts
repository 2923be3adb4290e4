/**
 * The demo: generated transactions are fed as chunks by a feeder while a detector watches, both in this process.
 *
 * It ends when the detector has committed every chunk that the feeder put; what the detector does last (publish, fold)
 * it does as at any stop.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { feedFile } from '../feed/feed-file.ts';
import { openObjects } from '../objects/open-objects.ts';
import type { PipelineEvent } from '../pipeline/events.ts';
import { runPipeline } from '../pipeline/run.ts';
import type { RunSummary } from '../pipeline/summary.ts';
import type { Store } from '../store/store.ts';
import type { Call } from './call.ts';
import type { Evidence } from './commands/detections.ts';
import { compose } from './compose.ts';
import { configTemplate, schemaFrom } from './config-template.ts';
import { makeDemoFolder } from './demo-folder.ts';
import { conditionText } from './evidence-text.ts';
import { catchInterruption, type Interruption } from './interruption.ts';
import { invocation, quoted, shown } from './invocation.ts';
import { say, stderr, stdout } from './output.ts';
import { makeRunView } from './run-view.ts';
import { summaryText } from './summary-text.ts';
import { counted, entityText, grouped, lasting, sized } from './words.ts';
import { writeGenerated } from './write-generated.ts';

export interface DemoOptions {
  readonly rows: number;
  readonly seed: number;
}

/** About so many chunks, of a round number of rows: 60 of 10,000 at full size. */
const chunks = 60;
/** Below it no merchant has more than 50,000 transactions. */
const fullFrom = 100_000;

export async function runDemo({ rows, seed }: DemoOptions, call: Call): Promise<number> {
  const folder = await makeDemoFolder();
  const home = shown(folder.path);
  if (folder.elsewhere !== null) say(`The demo lies in ${folder.path}: ${folder.elsewhere}.`);
  const interruption = catchInterruption('Stopping: the commit in hand is finished first.');
  try {
    const file = join(folder.path, 'transactions.csv');
    const generated = await writeGenerated({ rows, seed }, { file, signal: interruption.signal, isTerminal: stderr.isTerminal });
    const { customers, merchants } = generated;
    const size = sized(generated.written[0]?.bytes ?? 0);
    say(
      `Generated ${counted(rows, 'transaction')} of ${counted(customers, 'customer')} at ${counted(merchants, 'merchant')}: ${home}/transactions.csv (${size}, ${lasting(generated.ms)}).`,
    );

    const config = await writeDemoConfig(folder.path, rows < fullFrom ? 'sample' : 'full', call);
    const done = await feedAndDetect(config, file, roundUp(rows / chunks), interruption, call);
    const actions = new Map(config.patterns.map(({ id, action }) => [id, action]));
    const places = { source: `${home}/input/`, sink: `${home}/output/` };
    await stdout.lines([
      ...summaryText(done.summary, {
        ...places,
        actions,
        isEmpty: false,
        isReevaluated: false,
        isCutShort: interruption.stopped,
        elsewhere: [],
      }),
      ...exampleLines(done.examples),
      ...nextLines(folder.path, done.examples),
    ]);
    if (interruption.stopped) say('Stopped as asked, before the end.');
    return done.summary.incidents > 0 ? 1 : 0;
  } catch (error) {
    if (!interruption.stopped) throw error;
    say('Stopped as asked, before the end.');
    return 0;
  } finally {
    interruption.end();
  }
}

async function writeDemoConfig(folder: string, patterns: string, call: Call): Promise<Config> {
  const file = join(folder, 'tallyho.yaml');
  await mkdir(join(folder, 'input'));
  const values = {
    pipeline: 'demo',
    source: './input/',
    sink: './output/',
    patterns,
    state: null,
    settle: '0',
    poll: '200ms',
    timeZone: 'Asia/Kolkata',
    schema: schemaFrom(folder),
  };
  await writeFile(file, configTemplate(values));
  return loadConfig(file, call.env);
}

interface Done {
  readonly summary: RunSummary;
  readonly examples: readonly Evidence[];
}

async function feedAndDetect(config: Config, from: string, rows: number, interruption: Interruption, call: Call): Promise<Done> {
  const view = makeRunView({ isTerminal: stderr.isTerminal, watching: null });
  const enough = new AbortController();
  const failed = new AbortController();
  const signal = AbortSignal.any([interruption.signal, enough.signal, failed.signal]);
  const fed = { chunks: Number.POSITIVE_INFINITY };
  let decided = 0;
  const on = (event: PipelineEvent): void => {
    view.on(event);
    if (event.kind !== 'committed') return;
    decided += event.lines.filter(({ kind, outcome }) => (kind === 'chunk' || kind === 'correction') && outcome !== 'waiting').length;
    if (decided >= fed.chunks) enough.abort();
  };

  const composition = await compose(config, { env: call.env, commitChunks: null, confirm: async () => true, on, say: view.say, signal });
  const { options } = composition;
  try {
    say(`Feeding it in chunks of ${counted(rows, 'row')} into ${shown(config.folder)}/input/, while a detector watches.`);
    const failing = (error: unknown): never => {
      failed.abort();
      throw error;
    };
    const feeding = feed(config, from, rows, AbortSignal.any([interruption.signal, failed.signal]), (count) => {
      fed.chunks = count;
      if (decided >= count) enough.abort();
    }).catch(failing);
    const running = runPipeline(options, { once: false, signal }).catch(failing);
    // Both have to end before the store is closed, whichever fails.
    const [ran, feeder] = await Promise.allSettled([running, feeding]);
    view.end();
    if (feeder.status === 'rejected') throw feeder.reason;
    if (ran.status === 'rejected') throw ran.reason;
    return { summary: ran.value, examples: await findExamples(options.store, config) };
  } finally {
    view.end();
    await composition.close();
  }
}

/** `onAll` is told how many chunks it came to. */
async function feed(config: Config, from: string, rows: number, signal: AbortSignal, onAll: (chunks: number) => void): Promise<void> {
  const to = openObjects(config.source.url, { role: 'sink', base: config.folder, s3: config.s3 });
  try {
    onAll((await feedFile({ from, to, rows, everyMs: 0, csv: config.source.csv, signal })).chunks);
  } finally {
    await to.close();
  }
}

/** To 1, 2 or 5 with zeros behind. */
function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return ([1, 2, 5, 10].find((step) => step * unit >= value) ?? 10) * unit;
}

/** The last detection of each pattern. */
async function findExamples(store: Store, config: Config): Promise<readonly Evidence[]> {
  const last = new Map<string, string>();
  for await (const page of store.detections()) for (const { patternId, evidence } of page) last.set(patternId, evidence);
  return config.patterns.flatMap(({ id }) => {
    const evidence = last.get(id);
    return evidence === undefined ? [] : [JSON.parse(evidence) as Evidence];
  });
}

function exampleLines(examples: readonly Evidence[]): string[] {
  if (examples.length === 0) return [];
  const lines = examples.flatMap(({ patternId, action, entity, chunk, sequence, conditions }) => [
    `  ${patternId} ${action}: ${entityText(entity)} (${chunk ?? 'changed patterns'}, entry ${grouped(sequence)})`,
    ...conditions.map((condition) => `    ${conditionText(condition)}`),
  ]);
  return ['', examples.length === 1 ? 'The detection:' : 'The last of each pattern:', ...lines];
}

function nextLines(folder: string, examples: readonly Evidence[]): string[] {
  const tallyho = invocation();
  const config = `--config ${quoted(shown(join(folder, 'tallyho.yaml')))}`;
  const [example] = examples;
  const values = example === undefined ? [] : Object.values(example.entity).map(quoted);
  return [
    '',
    'Try next:',
    ...(example === undefined ? [] : [`  ${tallyho} explain ${quoted(example.patternId)} ${values.join(' ')} ${config}`]),
    `  ${tallyho} status ${config}`,
    `  ${tallyho} detections --evidence ${config}`,
    `  change a pattern in ${shown(join(folder, 'tallyho.yaml'))}, then: ${tallyho} run --once ${config}`,
  ];
}
