/**
 * The `where`s of a layout for a batch of rows, as sets of bits: src/reader/filters.ts says what they mean and makes the
 * masks and bounds. Text tests: the texts of the tests have numbers 1, 2, ..., all other values 0; masks[number] are the
 * filters that do not fail on it. Number tests: low <= units <= high, negated for `!=`.
 */
import { allocate } from './memory';
import { Dictionary, makeDictionary } from './dictionary';
import { batchRows, termAmount, termCount, termHasWeight, termWeight } from './sizes';

@unmanaged
export class TextTests {
  /** Address of the next, or 0. */
  next: usize;
  dimension: u32;
  texts: Dictionary;
  /** [number * words + word]; written by who makes them. */
  masks: usize;
  /** Of the batch: [start, length]. */
  fields: usize;
}

@unmanaged
class NumberTest {
  next: usize;
  low: i64;
  high: i64;
  term: u32;
  word: u32;
  clear: u32;
  negated: u32;
}

/** Addresses of the first. */
export let textTests: usize = 0;
let numberTests: usize = 0;

/** Tests of the texts of a dimension, `count` of them, or null if there is no room. */
export function makeTextTests(dimension: u32, count: u32, words: u32): TextTests | null {
  const at = allocate(offsetof<TextTests>());
  const texts = makeDictionary();
  const masks = allocate((<usize>(count + 1) * words) << 2);
  const fields = allocate((<usize>batchRows) << 3);
  if (at === 0 || texts === null || masks === 0 || fields === 0) return null;
  const tests = changetype<TextTests>(at);
  tests.next = textTests;
  tests.dimension = dimension;
  tests.texts = texts;
  tests.masks = masks;
  tests.fields = fields;
  textTests = at;
  return tests;
}

export function makeNumberTest(ofWeight: bool, low: i64, high: i64, negated: bool, word: u32, clear: u32): bool {
  const at = allocate(offsetof<NumberTest>());
  if (at === 0) return false;
  const test = changetype<NumberTest>(at);
  test.next = numberTests;
  test.low = low;
  test.high = high;
  test.term = ofWeight ? termWeight : termAmount;
  test.word = word;
  test.clear = clear;
  test.negated = u32(negated);
  numberTests = at;
  return true;
}

/** Writes the filters of each row into bits[row * words ..]. */
export function evaluateAll(size: u32, terms: usize, bits: usize, words: u32): void {
  memory.fill(bits, 0xff, (<usize>size * words) << 2);
  for (let address = textTests; address !== 0; address = changetype<TextTests>(address).next) {
    const tests = changetype<TextTests>(address);
    for (let i: usize = 0; i < size; i++) {
      const field = tests.fields + (i << 3);
      const number = tests.texts.find(load<u32>(field), load<u32>(field, 4));
      const mask = tests.masks + ((<usize>number * words) << 2);
      const row = bits + ((i * words) << 2);
      for (let word: usize = 0; word < (<usize>words) << 2; word += 4)
        store<u32>(row + word, load<u32>(row + word) & load<u32>(mask + word));
    }
  }
  for (let address = numberTests; address !== 0; address = changetype<NumberTest>(address).next) {
    const test = changetype<NumberTest>(address);
    const ofWeight = test.term === termWeight;
    for (let i: usize = 0; i < size; i++) {
      const units = load<i64>(terms + test.term * (batchRows << 3) + (i << 3));
      const inside = u32(units >= test.low && units <= test.high);
      const known = !ofWeight || load<i64>(terms + termHasWeight * (batchRows << 3) + (i << 3)) !== 0;
      if (known && inside !== test.negated) continue;
      const at = bits + ((i * words + test.word) << 2);
      store<u32>(at, load<u32>(at) & ~test.clear);
    }
  }
}
