import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalCondition } from '../../src/patterns/canonical.ts';
import { parsePatterns, requirePatterns } from '../../src/patterns/parse.ts';
import { parseCondition } from '../../src/patterns/parse-condition.ts';
import { print, printCondition } from '../../src/patterns/print.ts';
import { formatProblem } from '../../src/patterns/problem.ts';
import { setText, parseSetText } from '../../src/patterns/set-text.ts';
import { arbitraryCondition, arbitraryEntity, arbitraryPatterns } from '../helpers/oracle/arbitrary.ts';

const context = { columns: ['device_id', 'my field', 'all'], weight: 'column' } as const;
const entity = ['merchant', 'customer'];

/** `column: message`, for a condition without a file. */
function problems(text: string, key: readonly string[] = entity): string[] {
  return parsePatterns([{ id: 'P', action: 'A', entity: key, when: [text] }], context).problems.map(
    (problem) => `${problem.column}: ${formatProblem(problem).replace('P, condition 1: ', '')}`,
  );
}

/** The condition in its canonical spelling. */
function printed(text: string, key: readonly string[] = entity): string {
  const [pattern] = requirePatterns([{ id: 'P', action: 'A', entity: key, when: [text] }], context);
  return pattern === undefined ? '' : (print(pattern).when[0] ?? '');
}

describe('the grammar', () => {
  test.each([
    ['merchant.count > 50000', 'merchant.count > 50000'],
    ['  count   in top 10.50% of merchant ', 'count in top 10.5% of merchant'],
    ['count(where gender=F)>=12.5% of count', 'count(where gender = F) >= 12.5% of count'],
    [
      "sum(amount where category in (es_tech, 'b c')) > 20% of sum(amount)",
      "sum(amount where category in ('b c', es_tech)) > 20% of sum(amount)",
    ],
    [
      'distinct(customer where gender = F) != merchant.distinct(customer)',
      'distinct(customer where gender = F) != merchant.distinct(customer)',
    ],
    ['avg(weight) in bottom 100% of all', 'avg(weight) in bottom 100% of all'],
    ["(merchant).'my field'", ''],
    ['avg(amount) <= -00.50', 'avg(amount) <= -0.5'],
    ['avg(amount)=+5', 'avg(amount) = 5'],
    [`sum(amount) < -${'9'.repeat(38)}.5`, `sum(amount) < -${'9'.repeat(38)}.5`],
    ['sum(amount where amount<-5 and weight != 0.0) < 1', 'sum(amount where amount < -5 and weight != 0) < 1'],
    ["count(where 'my field' != 'it''s') > 1", "count(where 'my field' != 'it''s') > 1"],
    ["count(where merchant = 'M1') > 1", 'count(where merchant = M1) > 1'],
    ["count(where customer = '') < 3", "count(where customer = '') < 3"],
    ['count(where category = es.tech-2_x) > 3', 'count(where category = es.tech-2_x) > 3'],
    ['count(where age = 3 and category = Bücher) > 3', 'count(where age = 3 and category = Bücher) > 3'],
    ['count(where category in (and, where, in)) > 3', 'count(where category in (and, in, where)) > 3'],
    ['merchant . count\n  >\t5', 'merchant.count > 5'],
    ['(customer, merchant).count > 5', 'count > 5'],
    ['count in top 5% of (customer, merchant)', 'count in top 5% of (merchant, customer)'],
    ['merchant.count in top 5% of customer', 'merchant.count in top 5% of customer'],
  ])('%s', (text, expected) => {
    if (expected === '') expect(problems(text)).not.toEqual([]);
    else expect(printed(text)).toBe(expected);
  });

  test('a field named all is told from the word', () => {
    expect(printed('count in top 5% of (all)', ['all', 'customer'])).toBe('count in top 5% of (all)');
    expect(printed("count in top 5% of 'all'", ['all', 'customer'])).toBe('count in top 5% of (all)');
    expect(printed('count in top 5% of all', ['all', 'customer'])).toBe('count in top 5% of all');
    expect(printed('all.count > 5', ['all', 'customer'])).toBe('(all).count > 5');
  });

  test('what is printed reads back to the same, and prints the same', () => {
    const arbitrary = arbitraryEntity.chain((key) => fc.tuple(fc.constant(key), arbitraryCondition(key)));
    fc.assert(
      fc.property(arbitrary, ([key, text]) => {
        const first = parseCondition(text).node;
        if (first === null) return;
        const once = printCondition(canonicalCondition(first, key));
        const second = parseCondition(once).node;
        if (second === null) throw new Error(`does not parse: ${once}`);
        expect(printCondition(canonicalCondition(second, key))).toBe(once);
      }),
      { numRuns: 2000 },
    );
  });

  test('any text is parsed or has one fault inside of it', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'count',
        'sum',
        '(',
        ')',
        '.',
        ',',
        'where',
        'in',
        'top',
        '10%',
        'of',
        'all',
        'and',
        '=',
        '<',
        "'",
        '"',
        '5',
        '-',
        'amount',
        'merchant',
        ' ',
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join(' ');
        const { fault } = parseCondition(text);
        if (fault === null) return;
        expect(fault.at).toBeGreaterThanOrEqual(0);
        expect(fault.at).toBeLessThanOrEqual(text.length);
        expect(fault.message).toMatch(/^\S.*\.$/s);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('what is wrong is said with its column and its mend', () => {
  test.each([
    ['', '1: The condition is empty. Write count > 5, for example.'],
    ['counts > 5', '1: "counts" is no measure. Did you mean "count"?'],
    ['amount > 5', '1: "amount" is no measure. Write sum(amount) or avg(amount).'],
    ['merchant > 5', '1: "merchant" is no measure. Measures are count, sum, avg, distinct, or one of a group: merchant.count.'],
    ['size > 5', '1: "size" is no measure. Measures are count, sum, avg, distinct.'],
    ['gender > 5', '1: "gender" is no measure. Measures are count, sum, avg, distinct.'],
    ['median(amount) > 5', '1: "median" is no measure. Measures are count, sum, avg, distinct.'],
    ['gender = F', '1: "gender" is no measure. Fields are tested in a where: count(where gender = ...) > 5, for example.'],
    ['gender in (F, M)', '1: "gender" is no measure. Fields are tested in a where: count(where gender in (...)) > 5, for example.'],
    [
      'merchant in top 5% of all',
      '1: "merchant" is no measure. Measures are count, sum, avg, distinct, or one of a group: merchant.count.',
    ],
    ['count > 10% of 5', '16: Expected a measure behind "of", not "5". Write 10% of count, for example, or the number alone.'],
    ['merchant.size > 5', '10: "size" is no measure. Measures are count, sum, avg, distinct.'],
    [
      'max(amount) > 5',
      '1: "max" is no measure. There is no max: it could not be corrected when rows are taken out. Use avg, sum or a count with a where.',
    ],
    ['count', '6: Expected a comparison (< <= > >= = !=) or "in top" or "in bottom" behind the measure, not the end.'],
    ['count >', '8: Expected a number, a measure or a percentage of one, not the end.'],
    ['count >> 5', '7: ">>" is no comparison. There are < <= > >= = !=.'],
    ['count => 5', '7: "=>" is no comparison. Write >=.'],
    ['count == 5', '7: "==" is no comparison. Write =.'],
    ['count ≥ 5', '7: "≥" is no comparison. Write >=.'],
    ['count > 1e5', '9: "1e5" is no number. Write a plain decimal, as -12.50.'],
    ['count > 1_000', '9: "1_000" is no number. Write 1000.'],
    ['count > 1,000', '10: Expected the end of the condition, not ",".'],
    ['count > .5', '9: ".5" is no number. Write a plain decimal, as -12.50.'],
    [
      `count > 1${'0'.repeat(38)}`,
      `9: The number 1${'0'.repeat(38)} has too many digits. At most 38 are possible before the point, and 18 behind it.`,
    ],
    [
      'count(where amount > 1234567890123456789) > 5',
      '22: The number 1234567890123456789 has too many digits. At most 18 are possible before the point, and 18 behind it.',
    ],
    ["count > '5'", '9: A measure is compared with a number or a measure, not with a text. Write 5 without quotes.'],
    ['count > 5 and count < 9', '11: A condition says one thing. Make what follows "and" a condition of its own: all of them must hold.'],
    ['count > 5 or count < 9', '11: There is no "or". Write a second pattern.'],
    ['count > 5%', '11: Expected "of" and a measure behind 5%, not the end. Write 5% of count, for example.'],
    ['count in top 10 of merchant', '14: Expected a percentage behind "top", not 10. Write 10%.'],
    ['count in top 10 % of merchant', '17: The percent sign stands right behind its number. Write 10%.'],
    ['count in top ten of merchant', '14: Expected a percentage behind "top", not "ten". Write 10%, for example.'],
    ['count in TOP 10% of merchant', '10: Expected "top" or "bottom" behind "in", not "TOP". Did you mean "top"?'],
    ['count in top 0% of merchant', '14: 0% is out of range. A percentage is more than 0% and at most 100%.'],
    ['count in top 100.1% of merchant', '14: 100.1% is out of range. A percentage is more than 0% and at most 100%.'],
    ['count in top -5% of merchant', '14: -5% is out of range. A percentage is more than 0% and at most 100%.'],
    ['count in top 0.0000001% of merchant', '14: 0.0000001% has too many decimals. At most 6 are possible.'],
    ['count in top 10%', '17: Expected "of" and a group (or "all") behind 10%, not the end.'],
    ['sum(customer) > 5', '5: sum() needs a number, and "customer" is none. Numbers are: amount, weight.'],
    ['sum(amuont) > 5', '5: sum() needs a number, and "amuont" is none. Did you mean "amount"?'],
    ['avg amount > 5', '5: Expected "(" behind "avg", not "amount".'],
    ['avg(amount > 5', '12: Expected ")" to end avg(amount, not ">".'],
    ['count where gender = F > 5', '7: A "where" stands in parentheses. Write count(where ...).'],
    ['count(gender = F) > 5', '7: Expected "where" in count(), not "gender". Write count, distinct(gender), or count(where gender = ...).'],
    ['count() > 5', '7: Expected "where" in count(), not ")". Write count, or count(where ...).'],
    [
      'count(where gender > F) > 5',
      '20: "gender" holds names, which ">" cannot compare. Names have =, != and in; numbers are amount and weight.',
    ],
    ['count(where gender like F) > 5', '20: Expected =, != or in behind "gender", not "like".'],
    ['count(where amount in (1, 2)) > 5', '20: Expected a comparison (< <= > >= = !=) behind "amount", not "in".'],
    ['count(where amount > F) > 5', '22: "amount" is compared with a number, not with "F".'],
    ['count(where gender = "F") > 5', "22: Texts are quoted with ', not with \". Write 'text'."],
    ["count(where gender = 'F) > 5", "22: A quote is opened and not closed. A quote inside of a text is doubled: 'it''s'."],
    ['count(where gender = F or gender = M) > 5', '24: There is no "or". Use in (a, b) for one field, or write two patterns.'],
    ['count(where gender in F) > 5', '23: Expected "(" behind "in", not "F".'],
    ['count(where gender = (F)) > 5', '22: Expected a text behind "=", not "(". A text with other signs is quoted: \'b c\'.'],
    ["count(where gender = 'a\0') > 5", '22: This text has a character that no row can have.'],
    ['merchnt.count > 5', '1: There is no group "merchnt". Did you mean "merchant"?'],
    [
      '(merchant, category).count > 5',
      '12: "category" is no part of the entity (merchant, customer), so it is no group. A group is a part of the entity: merchant, customer.',
    ],
    ['(merchant, merchant).count > 5', '12: "merchant" stands twice in the group. Name each field once.'],
    ['count in top 5% of categry', '20: There is no group "categry". A group is a part of the entity: merchant, customer.'],
    [
      'distinct(custmer) > 5',
      '10: There is no field "custmer". Did you mean "customer"? A column of another name must be named in "columns".',
    ],
    [
      'distinct(amount) > 5',
      '10: "amount" holds numbers, which cannot be counted by distinct(). Fields that can: step, customer, age, gender, zipcodeOri, merchant, zipMerchant, category, fraud, device_id, my field, all.',
    ],
    [
      'count(where device = 3) > 5',
      '13: There is no field "device". Fields are: step, customer, age, gender, zipcodeOri, merchant, zipMerchant, category, fraud, device_id, my field, all. A column of another name must be named in "columns".',
    ],
  ])('%s', (text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });
});

describe('conditions that can never hold', () => {
  const counts = 'count is a whole number from 1 up, as an entity has at least one transaction.';
  test.each([
    ['count < 0', `7: "< 0" can never hold. ${counts} The lowest bound that can be met is "count <= 1".`],
    ['count < 1', `7: "< 1" can never hold. ${counts} The lowest bound that can be met is "count <= 1".`],
    ['count <= 0.99', `7: "<= 0.99" can never hold. ${counts} The lowest bound that can be met is "count <= 1".`],
    ['count = 1.5', `7: "= 1.5" can never hold. ${counts} Compare with a whole number from 1 up.`],
    ['count = 0', `7: "= 0" can never hold. ${counts} Compare with a whole number from 1 up.`],
    [
      'distinct(category where gender = F) <= -1',
      '37: "<= -1" can never hold. distinct(category where gender = F) is a whole number from 0 up. The lowest bound that can be met is "distinct(category where gender = F) <= 0".',
    ],
    [
      'count(where gender = F) < 0',
      '25: "< 0" can never hold. count(where gender = F) is a whole number from 0 up. The lowest bound that can be met is "count(where gender = F) <= 0".',
    ],
    ['distinct(customer) > 1', '20: "> 1" can never hold. distinct(customer) is always 1: its key names one value.'],
    [
      'distinct(customer where gender = F) >= 2',
      '37: ">= 2" can never hold. distinct(customer where gender = F) is 0 or 1: its key names one value. The highest bound that can be met is "distinct(customer where gender = F) >= 1".',
    ],
    ['count < count', '7: count is compared with itself: "<" can never hold. Compare with another measure or a number.'],
    [
      'avg(amount) != (customer, merchant).avg(amount)',
      '13: avg(amount) is compared with itself: "!=" can never hold. Compare with another measure or a number.',
    ],
    ['count > merchant.count', '7: count > merchant.count can never hold. Are both sides as they were meant? Perhaps the other way round.'],
    [
      'distinct(category) > count',
      '20: distinct(category) > count can never hold. Are both sides as they were meant? Perhaps the other way round.',
    ],
    [
      'count < 50% of count(where gender = F)',
      '7: count < 50% of count(where gender = F) can never hold. Are both sides as they were meant? Perhaps the other way round.',
    ],
    ['count = 50% of count', '7: count is compared with itself: "=" can never hold. Compare with another measure or a number.'],
    [
      'count(where gender = F and gender = M) > 0',
      '40: "> 0" can never hold. No row passes the where, so count(where gender = F and gender = M) is always 0.',
    ],
    [
      'avg(amount where amount > 5 and amount < 5) > 0',
      '1: No row passes the where of avg(amount where amount > 5 and amount < 5), so it has never a value. All tests of a where must hold for one row: use in (a, b) for either.',
    ],
  ])('%s', (text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });

  test.each([
    'count >= 0',
    'count > -5',
    'count != 1.5',
    'count <= 1',
    'count < 1.5',
    'count(where gender = F) < 1',
    'count >= count',
    'count = merchant.count',
    'merchant.count > count',
    'sum(amount) < 0',
    'sum(amount) < 50% of sum(amount)',
    'count(where gender = F) <= 50% of count',
    'count(where gender in (F, M)) >= 100% of count',
    'distinct(category) = distinct(gender)',
    'count in top 100% of (merchant, customer)',
    'distinct(customer) = 1',
    'count(where gender = F and gender != M) > 0',
    'count(where amount >= 5 and amount <= 5) > 0',
    'avg(weight) > merchant.avg(weight)',
  ])('not so: %s', (text) => {
    expect(problems(text)).toEqual([]);
  });
});

describe('a set of patterns', () => {
  const good = { id: 'P', action: 'A', entity: ['merchant'], when: ['count > 5'] };
  const texts = (...sources: Partial<typeof good>[]): string[] =>
    parsePatterns(
      sources.map((source) => ({ ...good, ...source })),
      context,
    ).problems.map(formatProblem);

  test('has ids, actions, entities and conditions', () => {
    expect(texts()).toEqual(['There are no patterns. Write patterns: full, patterns: sample, or a list of your own.']);
    expect(texts({}, {})).toEqual(['P: The id is used by pattern 1 already. Give each pattern an id of its own.']);
    expect(texts({ id: ' ' }, { id: ' ', action: '' })).toEqual([
      'pattern 1: The id is empty. Give the pattern an id.',
      'pattern 2: The id is empty. Give the pattern an id.',
      'pattern 2: The action is empty. Give the pattern an action.',
    ]);
    expect(texts({ id: 'a\0' })).toEqual(['a\0: The id has a character that is no text.']);
    expect(texts({ id: 'é'.repeat(100), action: 'a'.repeat(200) })).toEqual([]);
    expect(texts({ id: 'é'.repeat(101), action: 'a'.repeat(201) })).toEqual([
      'pattern 1: The id is of 202 bytes (UTF-8). At most 200 are possible: give a shorter one.',
      'pattern 1: The action is of 201 bytes (UTF-8). At most 200 are possible: give a shorter one.',
    ]);
    expect(texts({ entity: [] })).toEqual(['P: The entity has no dimensions. Write entity: [merchant, customer], for example.']);
    expect(texts({ entity: ['merchant', 'merchant'] })).toEqual(['P: "merchant" stands twice in the entity. Name each dimension once.']);
    expect(texts({ entity: ['merchants'] })).toEqual([
      'P: There is no field "merchants". Did you mean "merchant"? A column of another name must be named in "columns".',
    ]);
    expect(texts({ entity: ['weight'] })[0]).toMatch(/^P: "weight" holds numbers, which cannot be part of an entity\./);
    expect(texts({ when: [] })).toEqual(['P: There are no conditions. Write under "when" what must hold.']);
  });

  test('tells all that is wrong at once, and where', () => {
    const at = (line: number, column: number, raw?: string) => ({
      file: 'tallyho.yaml',
      line,
      column,
      ...(raw === undefined ? {} : { raw }),
    });
    const source = {
      id: 'P',
      action: '',
      entity: ['merchant', 'custmer'],
      when: ['count > 1.5.2', "count(where gender = 'F') => 3", 'count   in top 5%  of all x'],
      at: {
        pattern: at(3, 5),
        entity: [at(5, 14), at(5, 24)],
        when: [
          at(7, 9),
          at(8, 9, "'count(where gender = ''F'') => 3'"),
          at(9, 9, '>-\n          count\n\n          in top 5%\n          of all x\n'),
        ],
      },
    };
    expect(parsePatterns([source], context).problems.map(formatProblem)).toEqual([
      'tallyho.yaml:3:5: P: The action is empty. Give the pattern an action.',
      'tallyho.yaml:5:24: P: There is no field "custmer". Did you mean "customer"? A column of another name must be named in "columns".',
      'tallyho.yaml:7:17: P, condition 1: "1.5.2" is no number. Write a plain decimal, as -12.50.',
      'tallyho.yaml:8:38: P, condition 2: "=>" is no comparison. Write >=.',
      'tallyho.yaml:13:18: P, condition 3: Expected the end of the condition, not "x".',
    ]);
  });

  test('throws PATTERN_INVALID with one line for each problem', () => {
    expect(() => requirePatterns([{ ...good, when: ['count < 0', 'cout > 1'] }], context)).toThrowError(
      expect.objectContaining({
        code: 'PATTERN_INVALID',
        message: expect.stringMatching(/^P, condition 1: .*\nP, condition 2: .*"count"\?$/) as unknown,
      }),
    );
  });

  test('with a reference file: weights of customers and merchants only, without tests', () => {
    const words = (when: string, key = ['merchant', 'customer']): string[] =>
      parsePatterns([{ id: 'P', action: 'A', entity: key, when: [when] }], { columns: [], weight: 'reference' }).problems.map(
        formatProblem,
      );
    expect(words('avg(weight) in bottom 10% of merchant')).toEqual([]);
    expect(words('merchant.sum(weight) > 3', ['category', 'merchant'])).toEqual([]);
    expect(words('count(where gender = F) > 3')).toEqual([]);
    expect(words('avg(weight) > 3', ['category', 'merchant'])).toEqual([
      'P, condition 1: With a reference file, avg(weight) cannot be told by category: weights are known by customer and merchant only. Measure the weight of customer, merchant or both.',
    ]);
    expect(words('avg(weight where gender = F) > 3')).toEqual([
      'P, condition 1: With a reference file, weights have no fields to test, as avg(weight where gender = F) does. Take the where away.',
    ]);
    expect(words('count(where weight > 5) > 3')).toEqual([
      'P, condition 1: With a reference file, transactions have no weight to test. Take the test away, or give the weight as a column.',
    ]);
  });

  test('is kept as text and read back', () => {
    fc.assert(
      fc.property(arbitraryPatterns(), (patterns) => {
        const text = setText(patterns);
        expect(parseSetText(text)).toEqual(patterns);
        expect(setText(parseSetText(text))).toBe(text);
      }),
    );
    for (const broken of [
      '',
      '[]',
      'null',
      '{"version":2,"patterns":[]}',
      '{"version":1,"patterns":[{}]}',
      '{"version":1,"patterns":[{"id":"a","action":"b","entity":["c"],"when":["?"]}]}',
    ]) {
      expect(() => parseSetText(broken), broken).toThrowError(expect.objectContaining({ code: 'STORE_SCHEMA' }));
    }
  });
});
