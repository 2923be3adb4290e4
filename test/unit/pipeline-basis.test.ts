import { describe, expect, test } from 'vitest';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { requirePatterns } from '../../src/patterns/parse.ts';
import { fitBasis, inputText, isSameBasis, type Kept, type ReferenceInput } from '../../src/pipeline/basis.ts';
import { declarePatterns } from '../../src/pipeline/declare-patterns.ts';
import type { DeclaredPatterns } from '../../src/pipeline/options.ts';
import { assertIds, isSameSet, withGenerations } from '../../src/pipeline/pattern-ids.ts';
import type { PipelineRow } from '../../src/store/store.ts';

type Weight = 'none' | 'column' | 'amount' | 'reference';

function declare(
  when: readonly string[],
  { weight = 'none', scale = 2, entity = ['merchant', 'customer'], id = 'P', action = 'A' } = {},
): DeclaredPatterns {
  const patterns: PatternSource[] = when.map((text, i) => ({ id: `${id}${i}`, action, entity, when: [text] }));
  return declarePatterns(requirePatterns(patterns, { columns: [], weight: weight as Weight }), { scale, weight: weight as Weight });
}

function keptBy(declared: DeclaredPatterns, columns: Record<string, string> = {}, reference: ReferenceInput | null = null): Kept {
  return {
    basis: { layout: declared.layout, input: inputText(declared.layout, columns, reference) },
    patternSet: declared.set,
    isEmpty: false,
  };
}

const reference: ReferenceInput = { contentId: 'abc', columns: { customer: 'Source', merchant: 'Target', weight: 'Weight' } };

describe('what a start makes of the kept statistics', () => {
  const kept = declare(['count > 5', 'sum(amount) > 5']);

  test('the same set goes on, other spellings and fewer measures of the same layout included', () => {
    expect(fitBasis(keptBy(kept), kept, {}, null).kind).toBe('go on');
    expect(fitBasis(keptBy(kept), declare(['count>5.0', ' sum( amount ) > 5']), {}, null).kind).toBe('go on');
  });

  test('another set that binds is changed; one that does not is refused by name', () => {
    expect(fitBasis(keptBy(kept), declare(['count > 6', 'sum(amount) > 5']), {}, null).kind).toBe('changed');
    expect(fitBasis(keptBy(kept), declare(['count > 5']), {}, null).kind).toBe('changed');
    expect(() => fitBasis(keptBy(kept), declare(['count(where gender = F) > 5']), {}, null)).toThrow(/gender/);
  });

  test('a changed set keeps the layout that is there', () => {
    expect(fitBasis(keptBy(kept), declare(['count > 6']), {}, null).plan.layout).toEqual(kept.layout);
  });

  test('nothing kept, or nothing applied, takes what is declared', () => {
    const other = declare(['distinct(category) > 5'], { entity: ['customer'], scale: 4 });
    expect(fitBasis({ basis: null, patternSet: null, isEmpty: true }, other, {}, null)).toMatchObject({
      kind: 'new',
      basis: { layout: other.layout },
    });
    expect(fitBasis({ ...keptBy(kept), isEmpty: true }, other, { customer: 'x' }, reference).kind).toBe('new');
  });
});

describe('input settings', () => {
  const amounts = declare(['sum(amount) > 5']);

  test.each<[string, () => unknown]>([
    ['scale was 2, is 3', () => fitBasis(keptBy(amounts), declare(['sum(amount) > 5'], { scale: 3 }), {}, null)],
    ['columns was {}, is {"amount":"price"}', () => fitBasis(keptBy(amounts), amounts, { amount: 'price' }, null)],
    ['columns was {"merchant":"shop"}, is {}', () => fitBasis(keptBy(amounts, { merchant: 'shop' }), amounts, {}, null)],
    [
      'weight was "column", is "amount"',
      () =>
        fitBasis(keptBy(declare(['avg(weight) > 5'], { weight: 'column' })), declare(['avg(weight) > 5'], { weight: 'amount' }), {}, null),
    ],
    [
      'reference was',
      () => {
        const declared = declare(['avg(weight) > 5'], { weight: 'reference' });
        return fitBasis(keptBy(declared, {}, reference), declared, {}, { ...reference, contentId: 'other' });
      },
    ],
    [
      'reference was',
      () => {
        const declared = declare(['avg(weight) > 5'], { weight: 'reference' });
        return fitBasis(keptBy(declared, {}, reference), declared, {}, { ...reference, columns: { ...reference.columns, weight: 'W' } });
      },
    ],
  ])('that change the meaning are refused: %s', (words, start) => {
    expect(start).toThrow(expect.objectContaining({ code: 'REBUILD_NEEDED', message: expect.stringContaining(words) as string }) as Error);
  });

  test('that do not are not: unused columns, a name for itself, another order', () => {
    expect(fitBasis(keptBy(amounts), amounts, { gender: 'sex', amount: 'amount' }, null).kind).toBe('go on');
    const mapped = keptBy(amounts, { merchant: 'shop', amount: 'price' });
    expect(fitBasis(mapped, amounts, { amount: 'price', merchant: 'shop' }, null).kind).toBe('go on');
  });

  test('of weights do not matter while no pattern speaks of them', () => {
    const weights = keptBy(declare(['count > 5', 'avg(weight) > 5'], { weight: 'reference' }), {}, reference);
    const silent = (weight: Weight): DeclaredPatterns => declare(['count > 5'], { weight });
    expect(fitBasis(weights, silent('reference'), {}, null).kind).toBe('changed');
    expect(fitBasis(weights, silent('amount'), {}, null).kind).toBe('changed');
    expect(() => fitBasis(weights, declare(['avg(weight) > 5'], { weight: 'amount' }), {}, null)).toThrow(/weight was "reference"/);
  });
});

test('a basis is the same whatever the order of the columns', () => {
  const { layout } = declare(['sum(amount) > 5']);
  const of = (columns: Record<string, string>) => ({ layout, input: inputText(layout, columns, null) });
  expect(isSameBasis(of({ amount: 'a', merchant: 'b' }), of({ merchant: 'b', amount: 'a' }))).toBe(true);
  expect(isSameBasis(of({ amount: 'a' }), of({ amount: 'b' }))).toBe(false);
  expect(isSameBasis(of({}), { ...of({}), layout: { ...layout, scale: 3 } })).toBe(false);
  expect(isSameBasis(null, of({}))).toBe(false);
});

describe('ids and generations', () => {
  const known = (...of: readonly (readonly [id: string, generation: number])[]): PipelineRow['patterns'] =>
    of.map(([id, generation]) => ({ id, action: 'A', entity: ['merchant', 'customer'], generation }));
  const { set } = declare(['count > 5', 'count > 6']);

  test('a set is what it was until one of its patterns is reset', () => {
    expect(withGenerations(set, known(['P0', 1], ['P1', 1]))).toBe(set);
    expect(withGenerations(set, known(['Other', 3]))).toBe(set);
    const once = withGenerations(set, known(['P0', 2], ['P1', 1]));
    expect(isSameSet(set, once)).toBe(false);
    expect(isSameSet(once, withGenerations(set, known(['P1', 1], ['P0', 2])))).toBe(true);
    expect(isSameSet(once, withGenerations(set, known(['P0', 3])))).toBe(false);
    expect(isSameSet(once, withGenerations(set, known(['P1', 2])))).toBe(false);
    expect(isSameSet(withGenerations(set, known(['P0', 2], ['P1', 2])), withGenerations(set, known(['P1', 2], ['P0', 2])))).toBe(true);
    expect(once.fingerprint).toBe(set.fingerprint);
  });

  test('an id that has detected something keeps its action and its dimensions, in any order', async () => {
    const before = known(['P0', 1]);
    const always = async (): Promise<boolean> => true;
    await assertIds(before, set, always);
    await assertIds(before, declare(['count > 5'], { entity: ['customer', 'merchant'] }).set, always);
    const otherAction = declare(['count > 5'], { action: 'B' }).set;
    await expect(assertIds(before, otherAction, always)).rejects.toMatchObject({ code: 'PATTERN_ID_REUSED' });
    await expect(assertIds(before, declare(['count > 5'], { entity: ['merchant'] }).set, always)).rejects.toMatchObject({
      code: 'PATTERN_ID_REUSED',
    });
    await assertIds(before, otherAction, async () => false);
    // After a reset the commit decides.
    await assertIds(known(['P0', 2]), otherAction, always);
  });
});
