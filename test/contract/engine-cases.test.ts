import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { WeightSource } from '../../src/core/layout.ts';
import type { ReadPlan, ReadTask } from '../../src/engine/engine.ts';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import type { ChunkVersion } from '../../src/objects/chunk.ts';
import { presetLayout } from '../helpers/engine-layouts.ts';
import { MemoryObjects } from '../helpers/engine-memory-objects.ts';

/** The chunks of the ten cases (test/fixtures/cases), without discovery and patterns: keys come from expected.jsonl. */
const cases = fileURLToPath(new URL('../fixtures/cases', import.meta.url));

interface Line {
  readonly key: string;
  readonly outcome: string;
  readonly rows: number;
  readonly rejected: readonly (readonly [string, number, string])[];
  readonly reason?: string;
}

function weightOf(config: string): WeightSource {
  if (config.includes('weight: amount')) return 'amount';
  return config.includes('avg(weight)') || config.includes('patterns: sample') ? 'column' : 'none';
}

function chunkOf(objects: MemoryObjects, root: string, key: string): ChunkVersion {
  const path = join(root, key);
  if (!statSync(path).isDirectory()) {
    objects.set(key, readFileSync(path));
    return objects.chunk(key);
  }
  const parts = readdirSync(path)
    .filter((name) => /^[^_.].*\.(csv|csv\.gz|parquet)$/.test(name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  for (const part of parts) objects.set(`${key}/${part}`, readFileSync(join(path, part)));
  return objects.folder(key, parts);
}

describe.each(readdirSync(cases).filter((name) => name.startsWith('case_')))('%s', (name) => {
  const folder = join(cases, name);
  const config = readFileSync(join(folder, 'tallyho.yaml'), 'utf8');
  const plan: ReadPlan = {
    layout: presetLayout(weightOf(config)),
    columns: {},
    csv: { delimiter: ',', quote: 'auto' },
    maxChunkBytes: 1 << 30,
  };
  const lines = readFileSync(join(folder, 'expected.jsonl'), 'utf8').trim().split('\n');
  const seen = new Set<string>();
  const expected = lines.map((text) => {
    const line = JSON.parse(text) as Line;
    const late = seen.has(line.key) || !existsSync(join(folder, 'input', line.key));
    seen.add(line.key);
    return { ...line, late };
  });

  test.each(expected.filter(({ outcome }) => outcome !== 'waiting' && outcome !== 'changed'))('$key is $outcome', async (line) => {
    const objects = new MemoryObjects({}, 7);
    const chunk = chunkOf(objects, join(folder, line.late ? 'late' : 'input'), line.key);
    const engine = makeLocalEngine({ source: objects });
    const task: ReadTask = { chunk, want: 'rows', applied: null };
    const results = [];
    for await (const result of engine.aggregate([task], plan, new AbortController().signal)) results.push(result);
    await engine.close();
    expect(results).toHaveLength(1);
    const outcome = results[0]?.outcome;
    if (line.outcome === 'quarantined' && line.rows === 0) {
      expect(outcome).toMatchObject({ kind: 'fault', fault: { reason: line.reason } });
      return;
    }
    if (outcome?.kind !== 'rows') throw new Error(JSON.stringify(outcome));
    expect(outcome.rows).toBe(line.rows);
    const rejected = outcome.rejected.map(({ object, line, reason }) => [object, line, reason]);
    // Of a duplicate no rejected rows are listed (the pipeline's matter).
    if (line.outcome !== 'duplicate') expect(rejected).toEqual(line.rejected);
    expect(outcome.rejectedRows).toBe(rejected.length);
  });
});
