import { expect, test } from 'vitest';
import { fingerprint, setFingerprint } from '../../src/patterns/canonical.ts';
import { requirePatterns } from '../../src/patterns/parse.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import { presets } from '../../src/patterns/presets.ts';
import { print } from '../../src/patterns/print.ts';

const context = { columns: [], weight: 'column' } as const;
const base = {
  id: 'P',
  action: 'A',
  entity: ['merchant', 'customer'],
  when: ["count(where category in (x, 'b c') and gender = F) > 50.0", 'count in top 10% of merchant'],
};

function of(change: Partial<PatternSource> = {}): string {
  const [pattern] = requirePatterns([{ ...base, ...change }], context);
  return pattern === undefined ? '' : fingerprint(pattern);
}

test('spelling makes no difference', () => {
  const [, rank = ''] = base.when;
  for (const text of [
    "count(where category in ('b c', 'x')and gender=F)>50",
    "  count ( where gender = 'F' and category in (x,x,'b c') ) > +050.00 ",
    "(customer, merchant).count(where gender in (F) and category in (x, 'b c') and gender = F) > 50",
  ]) {
    expect(of({ when: [text, rank] }), text).toBe(of());
  }
  expect(of({ when: [base.when[0] ?? '', 'count   in top 10.000% of (merchant)'] })).toBe(of());
});

test('meaning does', () => {
  const [first = '', second = ''] = base.when;
  const all = [
    {},
    { id: 'Q' },
    { action: 'B' },
    { entity: ['customer', 'merchant'] },
    { when: [second, first] },
    { when: [first] },
    { when: [first, second, second] },
    { when: [first.replace('>', '>='), second] },
    { when: [first.replace('50.0', '51'), second] },
    { when: [first.replace('gender = F', 'gender != F'), second] },
    { when: [first.replace('count(', 'merchant.count('), second] },
    { when: [first, 'count in bottom 10% of merchant'] },
    { when: [first, 'count in top 10% of customer'] },
    { when: [first, 'count in top 10% of all'] },
    { when: [first, 'merchant.count in top 10% of merchant'] },
    { when: [first, 'sum(amount) in top 10% of merchant'] },
    { when: [first, 'avg(amount) in top 10% of merchant'] },
    { when: [first, 'avg(weight) in top 10% of merchant'] },
    { when: [first, 'count > 10'] },
    { when: [first, 'count > 10% of merchant.count'] },
    { when: [first, 'count >= merchant.count'] },
  ].map(of);
  expect(new Set(all).size).toBe(all.length);
});

test('is a fixed algorithm: stored fingerprints stay what they are', () => {
  const full = requirePatterns(presets.full, context);
  expect(full.map(fingerprint)).toEqual([
    'a4129b5524b79bbf0935173852341e977935b868be6c05c86f2d0adff5b957e8',
    '9140a6ed383fee47e0ecdafc0cb2e511ed2c8ad75cb98fcd0695e61bc81306ad',
    'ac8a52878123b758950863067890539bd3bdc7c75587381fb576f3ba3efe466a',
  ]);
  expect(setFingerprint(full)).toBe('acf0adb0b1611397ba3da59bdf8965184183001eac3186e4730d3ede2da91e88');
  expect(setFingerprint(full.toReversed())).not.toBe(setFingerprint(full));
  expect(of()).toBe('2a84dc16548f5423123337185227b3e8ef489d644fa94f7ff8a02859f4342e82');
});

test('presets print as they are written', () => {
  for (const preset of Object.values(presets)) expect(requirePatterns(preset, context).map(print)).toEqual(preset);
});
