import { describe, expect, test } from 'vitest';
import { requirePatterns } from '../../src/patterns/parse.ts';
import { presets } from '../../src/patterns/presets.ts';
import { describePattern } from '../../src/patterns/words/words.ts';

const context = { columns: ['device_id', 'Filiale'], weight: 'column' } as const;

function words(entity: string, ...when: string[]): readonly string[] {
  const [pattern] = requirePatterns([{ id: 'P', action: 'WATCH', entity: entity.split(' '), when }], context);
  if (pattern === undefined) throw new Error('no pattern');
  const { entity: subject, conditions } = describePattern(pattern);
  return [subject, ...conditions];
}

test('the presets as whole sentences', () => {
  expect(requirePatterns(presets.full, context).map((pattern) => describePattern(pattern).text)).toEqual([
    "Report UPGRADE for a customer of a merchant when all of these hold: the merchant has more than 50,000 transactions; the customer is among the top 10% of the merchant's customers by number of transactions; the customer is among the bottom 10% of the merchant's customers by average weight.",
    "Report CHILD for a customer of a merchant when both of these hold: the customer has at least 80 transactions with the merchant; the average amount of the customer's transactions with the merchant is less than 23.",
    "Report DEI-NEEDED for a merchant when both of these hold: the merchant has more than 100 different customers in transactions with gender F; the number of different customers in the merchant's transactions with gender F is less than the number of different customers in the merchant's transactions with gender M.",
  ]);
});

describe('a condition', () => {
  test.each([
    ['count > 1', 'the customer has more than 1 transaction'],
    ['count >= 2', 'the customer has at least 2 transactions'],
    ['count < 3', 'the customer has fewer than 3 transactions'],
    ['count <= 4', 'the customer has at most 4 transactions'],
    ['count = 1000', 'the customer has exactly 1,000 transactions'],
    ['count != 6', 'the customer has any number but 6 transactions'],
    [
      'count(where gender = F and amount > 1000.50) > 5',
      'the customer has more than 5 transactions with amount more than 1,000.5 and gender F',
    ],
    [
      "count(where category in (es_tech, 'b c') and age != 2) > 5",
      'the customer has more than 5 transactions with age group other than 2 and category "b c" or es_tech',
    ],
    ['count(where amount >= 5) > 5', 'the customer has more than 5 transactions with amount of at least 5'],
    ['sum(amount) >= -1234567.25', "the total amount of the customer's transactions is at least -1,234,567.25"],
    ['avg(weight) = 5', "the average weight of the customer's transactions is equal to 5"],
    ['avg(weight) != 5', "the average weight of the customer's transactions is different from 5"],
    ['distinct(category) > 3', 'the customer has more than 3 different categories'],
    ['distinct(device_id where gender = F) > 1', 'the customer has more than 1 different device_id in transactions with gender F'],
    [
      'count(where gender = F) >= 12.5% of count',
      "the number of the customer's transactions with gender F is at least 12.5% of the number of the customer's transactions",
    ],
    ['count in top 1% of all', 'the customer is among the top 1% of all customers by number of transactions'],
    [
      'sum(amount where gender = F) in bottom 0.5% of all',
      'the customer is among the bottom 0.5% of all customers by total amount of transactions with gender F',
    ],
    ['count in top 1% of customer', 'the customer is among the top 1% of a cohort of one by number of transactions (this always holds)'],
  ])('of a customer: %s', (text, expected) => {
    expect(words('customer', text)).toEqual(['a customer', expected]);
  });

  test.each([
    ['merchant category customer', 'a customer of a merchant within a category'],
    ['gender merchant age', 'a merchant within a gender and an age group'],
    ['category', 'a category'],
    ['Filiale device_id age', 'a combination of Filiale, device_id and age group'],
  ])('an entity of %s', (entity, expected) => {
    expect(words(entity, 'count > 5')[0]).toBe(expected);
  });

  test('of groups and cohorts of several dimensions', () => {
    expect(
      words(
        'merchant category customer',
        '(merchant, category).count > 100',
        'count > 5',
        'count in bottom 2.5% of (merchant, category)',
        'count in top 5% of customer',
        'avg(amount) >= 90% of merchant.avg(amount)',
        'merchant.sum(amount) in top 5% of all',
      ),
    ).toEqual([
      'a customer of a merchant within a category',
      'the merchant has more than 100 transactions within the category',
      'the customer has more than 5 transactions with the merchant within the category',
      'the customer is among the bottom 2.5% of the customers of the same merchant and category by number of transactions',
      "the combination of merchant and category is among the top 5% of the customer's combinations of merchant and category by number of transactions",
      "the average amount of the customer's transactions with the merchant within the category is at least 90% of the average amount of the merchant's transactions",
      "the combination of customer, merchant and category is among the top 5% of all combinations of customer, merchant and category by the merchant's total amount",
    ]);
    expect(words('device_id age', 'sum(amount) < 5', 'count in top 3% of device_id')).toEqual([
      'a combination of device_id and age group',
      'the total amount of the transactions of the combination of device_id and age group is less than 5',
      "the age group is among the top 3% of the device_id's age groups by number of transactions",
    ]);
  });
});
