/** Chunks that are read before the store answers: the same comes out, and what was guessed wrong leaves no trace. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { type EarlyReading, makeEarlyReading } from '../../src/pipeline/early-reading.ts';
import type { PipelineOptions } from '../../src/pipeline/options.ts';
import { csv, type Run, withObjects } from '../helpers/pipeline-world.ts';
import { useWorld } from '../helpers/use-world.ts';

const { world } = useWorld();
let early: EarlyReading;
let reads: string[];

beforeEach(async () => {
  reads = [];
});
afterEach(async () => {
  await early.close();
});

function putChunks(from: number, to: number): void {
  for (let i = from; i < to; i++) world.put(`chunk_${i}.csv`, csv(`M${i % 7} C${i % 11} 1`, `M${i % 5} C${i % 3} 2`, 'M0 C0 bad'));
}

/** Options whose reading has begun; each object that is read is noted. */
function reading(after: string | null, run: Run = {}): (options: PipelineOptions) => Partial<PipelineOptions> {
  return (given) => {
    const options = { ...given, ...run.change?.(given) };
    const source = withObjects(options.source, {
      read: (object, signal) => {
        reads.push(object.key);
        return options.source.read(object, signal);
      },
    });
    const engine = makeLocalEngine({ source });
    early = makeEarlyReading({ ...options, source, engine, after });
    early.begin();
    return { ...run.change?.(given), source, engine, early };
  };
}

async function untilRead(count: number): Promise<void> {
  while (reads.length < count) await new Promise((go) => setTimeout(go, 5));
}

async function expectAsIfNothingHappened(run: Run = {}): Promise<void> {
  const twin = await world.twin();
  await twin.run(run);
  expect(await world.ledger()).toEqual(await twin.ledger());
  expect(await world.detections()).toEqual(await twin.detections());
  expect(await world.statistics()).toEqual(await twin.statistics());
  expect([...world.output()]).toEqual([...twin.output()]);
}

describe('what was read early', () => {
  test('is taken, each object read once, in the order of the keys', async () => {
    putChunks(0, 30);
    const options = world.options({ change: reading(null) });
    await untilRead(30);
    await world.run({ change: () => options });
    expect(reads).toEqual(Array.from({ length: 30 }, (_, i) => `chunk_${i}.csv`));
    await expectAsIfNothingHappened();
  });

  test('begins behind the last key that was seen', async () => {
    putChunks(0, 5);
    early = makeEarlyReading({ ...world.options(), after: null });
    await world.run();
    putChunks(5, 12);
    await world.run({ change: reading('chunk_4.csv') });
    expect(reads).toEqual(Array.from({ length: 7 }, (_, i) => `chunk_${i + 5}.csv`));
  });

  test('of a source that is known already is thrown away', async () => {
    putChunks(0, 5);
    early = makeEarlyReading({ ...world.options(), after: null });
    await world.run();
    const before = await world.ledger();
    await world.run({ change: reading(null) });
    expect(await world.ledger()).toEqual(before);
  });

  test('by another layout than the one that is kept is thrown away', async () => {
    putChunks(0, 5);
    early = makeEarlyReading({ ...world.options(), after: null });
    await world.run();
    putChunks(5, 9);
    // These patterns need less than what is kept.
    const fewer: Run = { patterns: [{ id: 'Often', action: 'A', entity: ['merchant'], when: ['count >= 3'] }] };
    await world.run({ ...fewer, change: reading('chunk_4.csv') });
    expect(reads.length).toBeGreaterThan(4);
    expect((await world.ledger()).slice(5)).toEqual(['(re) applied 6 0', ...[5, 6, 7, 8].map((n) => `chunk_${n}.csv applied ${n + 2} 3`)]);
  });

  test('and is not what is listed any more is read again', async () => {
    putChunks(0, 6);
    const options = world.options({ change: reading(null) });
    await untilRead(6);
    world.put('chunk_3.csv', csv('M9 C9 9'));
    world.remove('chunk_5.csv');
    await world.run({ change: () => options });
    await expectAsIfNothingHappened();
  });

  test('with another chunk in front keeps the natural order', async () => {
    putChunks(1, 6);
    const options = world.options({ change: reading(null) });
    await untilRead(5);
    putChunks(0, 1);
    await world.run({ change: () => options });
    expect(reads.slice(5, 7)).toEqual(['chunk_0.csv', 'chunk_1.csv']);
    await expectAsIfNothingHappened();
  });

  test('ends where a file has not settled', async () => {
    putChunks(0, 3);
    world.put('chunk_3.csv', csv('M1 C1 1'), new Date());
    const options = world.options({ input: { settleMs: 1000 }, change: reading(null) });
    await untilRead(3);
    await world.run({ change: () => options });
    expect(reads).toEqual([0, 1, 2, 3].map((n) => `chunk_${n}.csv`));
    await expectAsIfNothingHappened();
  });

  test('and is never asked for is given up when it is closed', async () => {
    putChunks(0, 3);
    world.options({ change: reading(null) });
    await untilRead(1);
    await early.close();
    await world.run();
    await expectAsIfNothingHappened();
  });
});
