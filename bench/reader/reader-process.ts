/** One reader in a process of its own: reads all chunks of a folder to deltas, as often as it is asked; the first time cold. */
import { compareNatural } from '../../src/core/natural-order.ts';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import type { ReadPlan, ReadTask } from '../../src/engine/engine.ts';
import { discoverChunks } from '../../src/objects/discovery/discover.ts';
import { makeFileObjects } from '../../src/objects/file/file-objects.ts';
import { fullPlan } from '../lib/cohort-data.ts';
import { serve } from '../lib/serve.ts';

export interface ReaderAnswer {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly rows: number;
  readonly pairs: number;
}

const [root = '', aggregation = 'auto'] = process.argv.slice(2);
const source = makeFileObjects({ root });
// An engine that knows one reader only has no such option.
const options = { source, aggregation: aggregation as 'auto' };
const engine = makeLocalEngine(options);
const plan: ReadPlan = { layout: fullPlan().layout, columns: {}, csv: { delimiter: ',', quote: 'auto' }, maxChunkBytes: 2 ** 33 };
const { signal } = new AbortController();
const tasks: ReadTask[] = [];
for await (const batch of discoverChunks(source, { waitFor: 0, now: Date.now(), exclude: [], signal }))
  for (const chunk of batch) tasks.push({ chunk, want: 'rows', applied: null });
tasks.sort((a, b) => compareNatural(a.chunk.key, b.chunk.key));

serve(async (): Promise<ReaderAnswer> => {
  const cpu = process.cpuUsage();
  const started = performance.now();
  let rows = 0;
  let pairs = 0;
  for await (const { outcome } of engine.aggregate(tasks, plan, signal)) {
    if (outcome.kind !== 'rows') throw new Error(`a chunk of the bench is not read: ${outcome.kind}`);
    rows += outcome.rows;
    pairs += outcome.delta.grains[0]?.size ?? 0;
  }
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs, cpuMs: (user + system) / 1000, rows, pairs };
});
