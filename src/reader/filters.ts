/**
 * The `where`s of a layout, evaluated for a row as one set of bits: bit f is set iff filter f holds.
 *
 * Text tests: for each tested dimension the texts named in its tests get numbers 1, 2, ... and all other values 0;
 * `masks` has for each number the filters that do not fail on it. A row's bits are the AND over the tested dimensions,
 * so a test costs a look-up, not a comparison per text. Only the texts of the tests are kept, never the data's, so a
 * field that is only filtered may have any number of values.
 * Number tests: brought to integer bounds low <= units <= high (negated for `!=`), which is exact: u op V / 10^k is
 * u op V * 10^scale / 10^k, and an integer is below a fraction iff it is at most its floor.
 */
import type { Decimal, Layout, Test } from '../core/layout.ts';
import { Dictionary } from './dictionary.ts';

export interface Bounds {
  readonly word: number;
  readonly bit: number;
  readonly low: bigint | null;
  readonly high: bigint | null;
  /** The same for units that are safe integers; infinite where there is no bound, or none that such units can miss. */
  readonly lowNumber: number;
  readonly highNumber: number;
  /** Fails inside the bounds instead of outside. */
  readonly negated: boolean;
}

export interface TestedDimension {
  readonly dimension: number;
  /** The texts of the tests; value number = id + 1. */
  readonly texts: Dictionary;
  /** The same, in the order of their numbers. */
  readonly known: readonly string[];
  /** [number * words + word] */
  readonly masks: Int32Array;
}

type NumberTest = Extract<Test, { kind: 'number' }>;
type TextTest = Extract<Test, { kind: 'text' }>;

const floorDivide = (a: bigint, b: bigint): bigint => (a >= 0n ? a / b : -((-a + b - 1n) / b));
const clampLow = (low: bigint | null): number =>
  low === null || low < BigInt(Number.MIN_SAFE_INTEGER) ? Number.NEGATIVE_INFINITY : Number(low);
const clampHigh = (high: bigint | null): number =>
  high === null || high > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(high);

/** Integers below, at and above value * 10^scale: floor, the integer itself if it is one, ceiling. */
function around(value: Decimal, scale: number): { floor: bigint; exact: boolean; ceiling: bigint } {
  const shifted = BigInt(value.units) * 10n ** BigInt(scale);
  const divisor = 10n ** BigInt(value.digits);
  const floor = floorDivide(shifted, divisor);
  const exact = floor * divisor === shifted;
  return { floor, exact, ceiling: exact ? floor : floor + 1n };
}

function boundsOf(test: NumberTest, scale: number): { low: bigint | null; high: bigint | null; negated: boolean } {
  const { floor, exact, ceiling } = around(test.value, scale);
  // Between floor and ceiling of a fraction lies no integer: `=` gets bounds that nothing meets.
  const equal = exact ? { low: floor, high: floor } : { low: 1n, high: 0n };
  switch (test.op) {
    case '<':
      return { low: null, high: ceiling - 1n, negated: false };
    case '<=':
      return { low: null, high: floor, negated: false };
    case '>':
      return { low: floor + 1n, high: null, negated: false };
    case '>=':
      return { low: ceiling, high: null, negated: false };
    case '=':
      return { ...equal, negated: false };
    default:
      return { ...equal, negated: true };
  }
}

function passes(bounds: Bounds, units: number | bigint): boolean {
  if (typeof units === 'number') return (units >= bounds.lowNumber && units <= bounds.highNumber) !== bounds.negated;
  return ((bounds.low === null || units >= bounds.low) && (bounds.high === null || units <= bounds.high)) !== bounds.negated;
}

function holds(test: TextTest, text: string): boolean {
  return test.op === '!=' ? !test.values.includes(text) : test.values.includes(text);
}

function testedDimension(dimension: number, tests: readonly { filter: number; test: TextTest }[], words: number): TestedDimension {
  const texts = new Dictionary();
  const known: string[] = [];
  for (const text of tests.flatMap(({ test }) => test.values)) {
    const bytes = Buffer.from(text, 'utf8');
    if (texts.intern(bytes, 0, bytes.length) === known.length) known.push(text);
  }
  const masks = new Int32Array((known.length + 1) * words).fill(-1);
  for (const { filter, test } of tests) {
    const clear = (number: number): void => {
      masks[number * words + (filter >> 5)]! &= ~(1 << (filter & 31));
    };
    // Any text that is in no test will do for number 0: it equals none of them.
    if (test.op !== '!=') clear(0);
    known.forEach((text, at) => {
      if (!holds(test, text)) clear(at + 1);
    });
  }
  return { dimension, texts, known, masks };
}

export class Filters {
  /** Words of 32 filters. */
  readonly words: number;
  readonly tested: readonly TestedDimension[];
  readonly amount: readonly Bounds[];
  readonly weight: readonly Bounds[];

  constructor(layout: Layout) {
    const words = Math.max(1, Math.ceil(layout.filters.length / 32));
    const tests = layout.filters.flatMap((filter, index) => filter.tests.map((test) => ({ filter: index, test })));
    const texts = tests.flatMap(({ filter, test }) => (test.kind === 'text' ? [{ filter, test }] : []));
    const dimensions = [...new Set(texts.map(({ test }) => test.dimension))];
    const numbers = (field: 'amount' | 'weight'): Bounds[] =>
      tests.flatMap(({ filter, test }) => {
        if (test.kind !== 'number' || test.field !== field) return [];
        const bounds = boundsOf(test, layout.scale);
        return [
          { ...bounds, lowNumber: clampLow(bounds.low), highNumber: clampHigh(bounds.high), word: filter >> 5, bit: 1 << (filter & 31) },
        ];
      });
    this.words = words;
    this.tested = dimensions.map((dimension) =>
      testedDimension(
        dimension,
        texts.filter(({ test }) => test.dimension === dimension),
        words,
      ),
    );
    this.amount = numbers('amount');
    this.weight = numbers('weight');
  }

  /**
   * Writes the filters of a row into bits[at .. at + words): bit f & 31 of word f >> 5 is set iff filter f holds.
   * The field of dimension d is bytes[starts[columns[d]] .. ends[columns[d]]); a row without a weight has null.
   */
  evaluate(
    bytes: Uint8Array,
    starts: Int32Array,
    ends: Int32Array,
    columns: Int32Array,
    amount: number | bigint,
    weight: number | bigint | null,
    bits: Int32Array,
    at: number,
  ): void {
    for (let word = 0; word < this.words; word++) bits[at + word] = -1;
    for (let i = 0; i < this.tested.length; i++) {
      const { dimension, texts, masks } = this.tested[i]!;
      const column = columns[dimension]!;
      const number = texts.find(bytes, starts[column]!, ends[column]!) + 1;
      for (let word = 0; word < this.words; word++) bits[at + word]! &= masks[number * this.words + word]!;
    }
    for (let i = 0; i < this.amount.length; i++) check(this.amount[i]!, amount, bits, at);
    for (let i = 0; i < this.weight.length; i++) check(this.weight[i]!, weight, bits, at);
  }
}

function check(bounds: Bounds, units: number | bigint | null, bits: Int32Array, at: number): void {
  if (units === null || !passes(bounds, units)) bits[at + bounds.word]! &= ~bounds.bit;
}
