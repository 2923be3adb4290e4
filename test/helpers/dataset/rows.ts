/** Rows with heavy ties, small cohorts, nasty names, and bad rows of every code. */
import type { Random } from './random.ts';

export const columns = [
  'step',
  'customer',
  'age',
  'gender',
  'zipcodeOri',
  'merchant',
  'zipMerchant',
  'category',
  'amount',
  'fraud',
] as const;

export interface RowSettings {
  readonly customers: readonly string[];
  readonly merchants: readonly string[];
  readonly amounts: readonly string[];
  /** Weights of a `weight` column, or null where chunks have none. */
  readonly weights: readonly string[] | null;
  readonly badShare: number;
}

const nastyNames = [
  "O'Neil",
  "'t Hooft",
  'x,y',
  'a"b',
  'a|b',
  'b|c',
  '+1',
  '01',
  '1',
  ' padded ',
  'None',
  'null',
  'NULL',
  'ü',
  '😀',
  '～',
  'é',
  'a\nb',
  'a\r\nb',
  '=cmd()',
  '\\N',
  "''",
  '""',
  'x;y',
];
export const genders = ['F', 'F', 'M', 'M', 'M', 'E', 'U', ''];
export const categories = ['es_food', 'es_tech', 'b c', 'es_transportation', ''];

export function makeRowSettings(random: Random, withWeights: boolean): RowSettings {
  const name = (prefix: string): string => (random.chance(0.25) ? random.pick(nastyNames) : `${prefix}${random.below(10 ** 6)}`);
  const many = (count: number, prefix: string): string[] => Array.from({ length: count }, () => name(prefix));
  const allEqual = random.chance(0.15);
  const pool = ['12.34', '-5.00', '0', '-0.00', '0.01', '00012.50', '+7.1', '12.34000000000', '-250.5', '999999999999999', '1'];
  const amounts = allEqual
    ? [random.pick(pool)]
    : [...random.shuffle(pool).slice(0, 4), ...Array.from({ length: random.pick([0, 0, 5]) }, () => (random.below(6000) / 100).toFixed(2))];
  return {
    customers: many(random.pick([1, 2, 3, 5, 10, 25]), 'C'),
    merchants: many(random.pick([1, 1, 2, 3, 6]), 'M'),
    amounts,
    weights: withWeights ? ['', '1', '2.5', '-250.5', '12.34', ...random.shuffle(amounts).slice(0, 2)] : null,
    badShare: random.pick([0, 0, 0, 0.03, 0.1, 0.3]),
  };
}

/** Field name -> value as data (before quoting); `broken` says what to spoil when it is written as CSV. */
export interface Row {
  readonly values: Record<string, string>;
  readonly broken: 'encoding' | 'nul' | 'fewer' | 'more' | null;
}

export function makeRow(random: Random, settings: RowSettings): Row {
  const values: Record<string, string> = {
    step: String(random.below(180)),
    customer: random.pick(settings.customers),
    age: random.pick(['1', '2', '3', 'U']),
    gender: random.pick(genders),
    zipcodeOri: '28007',
    merchant: random.pick(settings.merchants),
    zipMerchant: '28007',
    category: random.pick(categories),
    amount: random.pick(settings.amounts),
    fraud: random.chance(0.02) ? '1' : '0',
  };
  if (settings.weights !== null) values['weight'] = random.pick(settings.weights);
  let broken: Row['broken'] = null;
  // Several faults in one row at times: the first code that applies is the one that counts.
  while (random.chance(settings.badShare)) {
    switch (random.below(9)) {
      case 0:
        values['customer'] = '';
        break;
      case 1:
        values['merchant'] = '';
        break;
      case 2:
        values[random.pick(['customer', 'merchant'])] = random.pick(['x'.repeat(257), 'é'.repeat(129)]);
        break;
      case 3:
        values['amount'] = random.pick([
          '',
          'abc',
          '1e3',
          '1,000',
          'NaN',
          'inf',
          '12.345',
          ' 1',
          '1 ',
          '.5',
          '5.',
          '1234567890123456',
          '$5',
          '１',
          '--1',
          '+',
          '0x10',
        ]);
        break;
      case 4:
        if (settings.weights !== null) values['weight'] = random.pick(['abc', '1e0', '12.345', ' ', '-', '1234567890123456']);
        break;
      case 5:
        broken = 'encoding';
        break;
      case 6:
        broken = 'nul';
        break;
      case 7:
        broken = 'fewer';
        break;
      default:
        broken = 'more';
    }
  }
  return { values, broken };
}
