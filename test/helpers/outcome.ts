/** What a pipeline made of its chunks, as one text: equal texts are equal ledgers, detections, evidence and statistics. */
import { loadConfig } from '../../src/config/load-config.ts';
import { planLayout } from '../../src/patterns/plan.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { readStatistics } from './store-readback.ts';

/** Of a config whose state is on a PostgreSQL server, and whose weight is the amount. */
export async function readOutcome(config: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { store: at, pipeline, patterns } = await loadConfig(config, env);
  if (at.kind !== 'url') throw new Error('the state is on a server');
  const store = await openPostgresStore({ connection: { url: at.url }, pipeline });
  try {
    const ledger = await collect(store.chunks());
    const detections = await collect(store.detections());
    const statistics = [];
    for (const grain of planLayout(patterns, { scale: 2, weight: 'amount' }).grains.keys())
      statistics.push(await readStatistics(store, patterns, grain));
    return JSON.stringify({ ledger, detections, statistics }, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  } finally {
    await store.close();
  }
}

async function collect<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}
