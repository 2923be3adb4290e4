/** Texts of chunks: a handful of rows that meet each other often, some of them bad, some whole chunks bad. */
import type { Random } from '../../test/helpers/dataset/random.ts';

export const header = 'merchant,customer,gender,category,amount,weight';

export function chunkText(random: Random): string {
  if (random.chance(0.12)) return random.pick(['', `${header}\n`, 'merchant,amount\nM1,1\n', `${header}\n'M1,C1,F,food,1,1\n`]);
  const rows = Array.from({ length: 1 + random.below(8) }, () => rowText(random));
  const eol = random.chance(0.1) ? '\r\n' : '\n';
  return [header, ...rows].map((line) => `${line}${eol}`).join('');
}

function rowText(random: Random): string {
  const merchant = `M${random.below(3)}`;
  const customer = random.chance(0.04) ? '' : `C${random.below(7)}`;
  const gender = random.pick(['F', 'M', 'M', 'E']);
  const category = random.pick(['food', "'b, c'", 'x']);
  const amount = random.chance(0.05) ? random.pick(['x', '', '1e5', '0.001']) : decimal(random);
  const weight = random.chance(0.2) ? '' : random.chance(0.03) ? '?' : decimal(random);
  return [merchant, customer, gender, category, amount, weight].join(',');
}

function decimal(random: Random): string {
  const whole = random.chance(0.02) ? 999_999_999_999_999 : random.below(30);
  return `${random.chance(0.1) ? '-' : ''}${whole}${random.pick(['', '.5', '.25'])}`;
}
