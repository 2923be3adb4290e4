import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import { makeBankSim, type GenerateOptions } from '../../src/generate/bank-sim.ts';

/** An independent and simple reading of the file: everything that the facts speak of, counted from the text. */
function count(options: GenerateOptions) {
  const lines = textOf(makeBankSim(options).csv()).split('\n');
  expect(lines.pop()).toBe('');
  const header = lines.shift();
  const tally = () => new Map<string, number>();
  const [merchants, categories, steps, genders, pairs, cents, frauds] = [tally(), tally(), tally(), tally(), tally(), tally(), tally()];
  const customers = new Map<string, string>();
  const categoryOf = new Map<string, string>();
  const buyers = new Map<string, Map<string, Set<string>>>();
  const add = (map: Map<string, number>, key: string, n = 1) => map.set(key, (map.get(key) ?? 0) + n);
  let lastStep = 0;
  let sound = true;
  for (const line of lines) {
    const fields = line.split(',');
    const [step, customer, age, gender, zip, merchant, zipMerchant, category] = fields.map((f) => f.replaceAll("'", '')) as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const amount = Number(fields[8]!.replace('.', ''));
    sound &&= zip === '28007' && zipMerchant === '28007' && amount > 0 && Number(step) >= lastStep;
    lastStep = Number(step);
    sound &&= (customers.get(customer) ?? age + gender) === age + gender && (categoryOf.get(merchant) ?? category) === category;
    customers.set(customer, age + gender);
    categoryOf.set(merchant, category);
    add(merchants, merchant);
    add(categories, category);
    add(steps, step);
    add(genders, gender);
    add(pairs, `${merchant} ${customer}`);
    add(cents, category, amount);
    add(frauds, category, Number(fields[9]));
    const byGender = buyers.get(merchant) ?? new Map<string, Set<string>>();
    buyers.set(merchant, byGender.set(gender, (byGender.get(gender) ?? new Set()).add(customer)));
  }
  const distinct = (merchant: string, gender: string) => buyers.get(merchant)?.get(gender)?.size ?? 0;
  return { header, rows: lines.length, lines, merchants, categories, steps, genders, pairs, customers, cents, frauds, distinct, sound };
}

function textOf(blocks: Iterable<Uint8Array>): string {
  return Buffer.concat([...blocks]).toString('latin1');
}

function sha256(blocks: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const block of blocks) hash.update(block);
  return hash.digest('hex');
}

const categoryRows = {
  es_transportation: 505_119,
  es_food: 26_254,
  es_health: 16_133,
  es_wellnessandbeauty: 15_086,
  es_fashion: 6_454,
  es_barsandrestaurants: 6_373,
  es_hyper: 6_098,
  es_sportsandtoys: 4_002,
  es_tech: 2_370,
  es_home: 1_986,
  es_hotelservices: 1_744,
  es_otherservices: 912,
  es_contents: 885,
  es_travel: 728,
  es_leisure: 499,
};

describe('generate: at full size the facts of BankSim hold exactly, whatever the seed', () => {
  it.each([1, 42, 9_007_199_254_740_991])('seed %i', (seed) => {
    const data = count({ seed });
    expect(data.header).toBe('step,customer,age,gender,zipcodeOri,merchant,zipMerchant,category,amount,fraud');
    expect(data.sound).toBe(true);
    expect([data.rows, data.customers.size, data.merchants.size, data.steps.size]).toEqual([594_643, 4_112, 50, 180]);
    expect([...data.steps.keys()].every((step) => Number(step) < 180)).toBe(true);
    expect(Object.fromEntries(data.categories)).toEqual(categoryRows);
    expect(Object.fromEntries(data.genders)).toEqual({ F: 324_565, M: 268_385, E: 1_178, U: 515 });

    const large = [...data.merchants].filter(([, rows]) => rows > 50_000);
    expect(Object.fromEntries(large)).toEqual({ M1823072687: 299_693, M348934600: 205_426 });

    const counts = [...data.pairs.values()].sort((a, b) => b - a);
    expect(counts[0]).toBe(163);
    expect(counts[1]).toBeLessThan(163);
    expect(data.pairs.size).toBe(76_029);

    const balanced = [...data.merchants.keys()].filter((m) => data.distinct(m, 'F') > 100 && data.distinct(m, 'F') < data.distinct(m, 'M'));
    expect(balanced).toEqual(['M677738360']);
    expect([data.distinct('M677738360', 'F'), data.distinct('M677738360', 'M')]).toEqual([173, 174]);

    const means = [...data.categories].map(([category, rows]) => data.cents.get(category)! / rows / 100);
    expect(Math.min(...means)).toBeGreaterThanOrEqual(27);
    expect(Math.max(...means)).toBeLessThanOrEqual(700);
    expect([...data.frauds.values()].reduce((a, b) => a + b, 0)).toBe(7_200);
    expect(data.frauds.get('es_leisure')).toBe(474);
  });
});

describe('generate: bytes', () => {
  it('are the same for a seed for ever', () => {
    const small = makeBankSim({ seed: 7, rows: 1_000 });
    expect(sha256(small.csv())).toBe('e718f4dc6e9172a0e4b665e5501b0fe237d50de31abf39a1df8625b9847956a4');
    expect(sha256(small.reference())).toBe('f2fb4930f2542d275d5573ae6c7024eb1f7848717b89f662df01f3fe8b91e980');
    expect(sha256(small.csv())).toBe(sha256(small.csv()));
    expect(sha256(makeBankSim({ seed: 8, rows: 1_000 }).csv())).not.toBe(sha256(small.csv()));
    const full = makeBankSim({ seed: 42 });
    expect(sha256(full.csv())).toBe('401e043e1d0d03a5f733d1ffc2336d0798272ed8d4df418ccc9ca4dbb6b092f7');
    expect(sha256(full.reference())).toBe('b08e7d37e591bc1a57d6451a3420840a95c9401645e80fea257a06c2950ff0b7');
  });

  it('have the form of BankSim: header bare, strings in single quotes, two decimals, LF', () => {
    const row = /^\d{1,3},'C\d{1,10}','[0-6U]','[FMEU]','28007','M\d{1,10}','28007','es_[a-z]+',\d+\.\d\d,[01]$/;
    const { lines } = count({ seed: 3, rows: 20_000 });
    expect(lines.filter((line) => !row.test(line))).toEqual([]);
    // An enterprise has no age, a person has one.
    expect(lines.filter((line) => (line.split(',')[2] === "'U'") !== (line.split(',')[3] === "'E'"))).toEqual([]);
  });

  it('of the reference repeat each transaction, its amount as the weight', () => {
    const data = makeBankSim({ seed: 5, rows: 30_000 });
    const transactions = textOf(data.csv()).split('\n').slice(1, -1);
    const expected = transactions.map((line) => {
      const [, customer, , , , merchant, , category, amount, fraud] = line.split(',');
      return [customer, merchant, amount, category, fraud].join(',');
    });
    expect(textOf(data.reference())).toBe(`Source,Target,Weight,typeTrans,fraud\n${expected.join('\n')}\n`);
  });
});

describe('generate: sizes', () => {
  it('keep the shares when only the rows change', () => {
    const data = count({ seed: 1, rows: 59_464 });
    expect([data.rows, data.customers.size, data.merchants.size, data.steps.size]).toEqual([59_464, 4_112, 50, 180]);
    for (const [category, rows] of Object.entries(categoryRows)) {
      expect(Math.abs(data.categories.get(category)! - (rows * 59_464) / 594_643)).toBeLessThan(2);
    }
    expect(data.genders.get('F')! / data.rows).toBeCloseTo(0.5458, 3);
  });

  it('clip customers and merchants to the rows', () => {
    const data = makeBankSim({ seed: 1, rows: 30, customers: 100, merchants: 99 });
    expect([data.rows, data.customers, data.merchants]).toEqual([30, 30, 30]);
  });

  it('conserve rows, customers and merchants at any size', () => {
    const size = fc.record({
      seed: fc.nat(),
      rows: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 5_000 })),
      customers: fc.option(fc.integer({ min: 1, max: 6_000 }), { nil: undefined }),
      merchants: fc.option(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 2_000 })), { nil: undefined }),
    });
    fc.assert(
      fc.property(size, ({ seed, rows, customers, merchants }) => {
        const options = { seed, rows, ...(customers !== undefined && { customers }), ...(merchants !== undefined && { merchants }) };
        const { customers: planned, merchants: shops } = makeBankSim(options);
        const data = count(options);
        expect([data.rows, data.customers.size, data.merchants.size]).toEqual([rows, planned, shops]);
        expect(data.steps.size).toBe(Math.min(rows, 180));
        expect(data.sound).toBe(true);
        if (customers !== undefined) expect(planned).toBe(Math.min(customers, rows));
        expect(shops).toBe(Math.min(merchants ?? 50, rows));
      }),
      { numRuns: 150 },
    );
  });

  it('grow to 20,000,000 rows and 2,000,000 customers in less than 1 GB', () => {
    const source = `
      const { makeBankSim } = await import(${JSON.stringify(new URL('../../src/generate/bank-sim.ts', import.meta.url).href)});
      let lines = 0;
      for (const block of makeBankSim({ seed: 1, rows: 20_000_000, customers: 2_000_000, merchants: 1_000 }).csv()) {
        for (let at = block.indexOf(10); at >= 0; at = block.indexOf(10, at + 1)) lines++;
      }
      console.log(JSON.stringify({ lines, megabytes: process.resourceUsage().maxRSS / 1024 }));`;
    const out = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], { encoding: 'utf8' });
    const { lines, megabytes } = JSON.parse(out) as { lines: number; megabytes: number };
    expect(lines).toBe(20_000_001);
    expect(megabytes).toBeLessThan(1_000);
  });

  it.each([
    { seed: -1 },
    { seed: 0.5 },
    { seed: Number.NaN },
    { seed: 2 ** 53 },
    { seed: 1, rows: 0 },
    { seed: 1, rows: 1.5 },
    { seed: 1, rows: Number.POSITIVE_INFINITY },
    { seed: 1, rows: 100_000_001 },
    { seed: 1, customers: 0 },
    { seed: 1, customers: -3 },
    { seed: 1, merchants: 0 },
    { seed: 1, merchants: 100_001 },
  ])('%o is refused as wrong usage, with the range', (options) => {
    const error = catchError(() => makeBankSim(options));
    expect(error).toBeInstanceOf(TallyhoError);
    const { code, mend } = error as TallyhoError;
    expect(code).toBe('USAGE');
    expect(mend).toMatch(/^Give a whole number from \d+ to \d+\.$/);
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
