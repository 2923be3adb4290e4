import { describe, expect, it } from 'vitest';
import { makeBankSim, type GenerateOptions } from '../../src/generate/bank-sim.ts';

/**
 * That the generated data shows what it is made for: the patterns of the presets fire, evaluated by brute
 * force from the text alone, with nothing of the product's core: after each chunk everything is ranked anew.
 */
interface Preset {
  readonly chunk: number;
  readonly gate: number;
  readonly often: number;
  /** Cents. */
  readonly below: number;
  readonly female: number;
}

const full: Preset = { chunk: 10_000, gate: 50_000, often: 80, below: 2_300, female: 100 };
const sample: Preset = { chunk: 200, gate: 500, often: 3, below: 80_000, female: 10 };

interface Pair {
  readonly id: string;
  count: number;
  cents: number;
}

interface Shop {
  count: number;
  readonly pairs: Map<string, Pair>;
  readonly female: Set<string>;
  readonly male: Set<string>;
}

/** The entities that each pattern detects, chunk by chunk. */
function detect(options: GenerateOptions, preset: Preset): { PatId1: string[][]; PatId2: string[][]; PatId3: string[][] } {
  const rows = Buffer.concat([...makeBankSim(options).csv()])
    .toString('latin1')
    .split('\n')
    .slice(1, -1);
  const shops = new Map<string, Shop>();
  const detections = { PatId1: [] as string[][], PatId2: [] as string[][], PatId3: [] as string[][] };
  const seen = { PatId1: new Set<string>(), PatId2: new Set<string>(), PatId3: new Set<string>() };
  for (let from = 0; from < rows.length; from += preset.chunk) {
    for (const row of rows.slice(from, from + preset.chunk)) apply(shops, row.replaceAll("'", '').split(','));
    const found = evaluate(shops, preset);
    for (const id of ['PatId1', 'PatId2', 'PatId3'] as const) {
      detections[id].push(found[id].filter((entity) => !seen[id].has(entity)));
      for (const entity of found[id]) seen[id].add(entity);
    }
  }
  return detections;
}

function apply(shops: Map<string, Shop>, row: string[]): void {
  const customer = row[1]!;
  const name = row[5]!;
  const shop = shops.get(name) ?? { count: 0, pairs: new Map<string, Pair>(), female: new Set<string>(), male: new Set<string>() };
  shops.set(name, shop);
  shop.count++;
  const pair = shop.pairs.get(customer) ?? { id: `${name} ${customer}`, count: 0, cents: 0 };
  shop.pairs.set(customer, pair);
  pair.count++;
  pair.cents += Number(row[8]!.replace('.', ''));
  if (row[3] === 'F') shop.female.add(customer);
  if (row[3] === 'M') shop.male.add(customer);
}

function evaluate(shops: Map<string, Shop>, preset: Preset): { PatId1: string[]; PatId2: string[]; PatId3: string[] } {
  const found = { PatId1: [] as string[], PatId2: [] as string[], PatId3: [] as string[] };
  for (const [name, shop] of shops) {
    const pairs = [...shop.pairs.values()];
    if (shop.count > preset.gate) {
      // percent_rank <= 0.1: not worse than the member at 10% of n - 1. Here amounts are small enough for exact floats.
      const cut = Math.floor((pairs.length - 1) / 10);
      const byCount = [...pairs].sort((a, b) => b.count - a.count)[cut]!;
      const byAverage = [...pairs].sort((a, b) => a.cents * b.count - b.cents * a.count)[cut]!;
      const isIn = (p: Pair) => p.count >= byCount.count && p.cents * byAverage.count <= byAverage.cents * p.count;
      found.PatId1.push(...pairs.filter(isIn).map((p) => p.id));
    }
    found.PatId2.push(...pairs.filter((p) => p.count >= preset.often && p.cents < preset.below * p.count).map((p) => p.id));
    if (shop.female.size > preset.female && shop.female.size < shop.male.size) found.PatId3.push(name);
  }
  return found;
}

const total = (chunks: readonly string[][]): number => chunks.flat().length;
const active = (chunks: readonly string[][]): number => chunks.filter((chunk) => chunk.length > 0).length;

describe('generate: the patterns fire', () => {
  it.each([1, 2, 42])('at full size under preset full, over many of the 60 chunks (seed %i)', (seed) => {
    const { PatId1, PatId2, PatId3 } = detect({ seed }, full);
    expect(PatId1.length).toBe(60);
    expect(total(PatId1)).toBeGreaterThan(100);
    expect(total(PatId1)).toBeLessThan(1_000);
    expect(active(PatId1)).toBeGreaterThan(20);
    expect(total(PatId2)).toBeGreaterThan(300);
    expect(total(PatId2)).toBeLessThan(2_000);
    expect(active(PatId2)).toBeGreaterThan(20);
    expect(PatId3.flat()).toEqual(['M677738360']);
  });

  it('on 1,000 rows in 5 chunks of 200 under preset sample, at every seed', () => {
    for (let seed = 0; seed < 300; seed++) {
      const { PatId1, PatId2, PatId3 } = detect({ seed, rows: 1_000 }, sample);
      const fired = { seed, chunks: PatId1.length, PatId1: total(PatId1) > 0, PatId2: total(PatId2) > 0, PatId3: total(PatId3) > 0 };
      expect(fired).toEqual({ seed, chunks: 5, PatId1: true, PatId2: true, PatId3: true });
      expect(PatId3.flat()).toContain('M677738360');
    }
  });

  it.each([
    { rows: 1_000, customers: 60 },
    { rows: 1_000, customers: 400 },
    { rows: 1_000, merchants: 3 },
    { rows: 2_000, merchants: 200 },
    { rows: 5_000 },
  ])('on other samples too: %o', (options) => {
    for (let seed = 0; seed < 20; seed++) {
      const { PatId1, PatId2, PatId3 } = detect({ seed, ...options }, sample);
      expect([seed, total(PatId1) > 0, total(PatId2) > 0, total(PatId3) > 0]).toEqual([seed, true, true, true]);
    }
  });
});
