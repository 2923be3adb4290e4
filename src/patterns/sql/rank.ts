/**
 * A rank in integers: b members of the cohort are strictly better, n have the measure, and it holds iff
 * 10^(k+2) * b <= P * (n - 1) for the percentage P / 10^k. `rank() - 1` is b, because ties share one rank.
 *
 * Averages are ordered exactly by two integers: floor(s / n), then floor((s - n * floor(s / n)) * 2^62 / n). Two
 * different fractions with n <= 2^31 differ by at least 1 / 2^62, so one of the two differs, in the right order; equal
 * fractions are equal in both. Magnitudes: the remainder is below n, times 2^62 below 2^93.
 */
import type { RankNode } from '../ast.ts';
import type { Dialect } from './dialect.ts';
import type { Fraction, Level } from './measures.ts';

/** floor(a / b) for b > 0, whichever way the dialect rounds. */
function floorSql(a: string, b: string, dialect: Dialect): string {
  const quotient = dialect.divide(a, b);
  return `(${quotient} - case when ${a} - ${b} * ${quotient} < 0 then 1 else 0 end)`;
}

/**
 * The members of `own` (the pattern's entities) with b and n, as `name as (select k0, ..., b, n ...)`. A measure of a group
 * is each member's group's: the members of one group tie.
 */
export function rankSql(name: string, node: RankNode, own: Level, level: Level, measure: Fraction, dialect: Dialect): string {
  const keys = own.key.map((_, i) => `k${i}`);
  const cohort = node.cohort.map((field) => `k${own.key.indexOf(field.name)}`);
  const partition = cohort.length === 0 ? '' : `partition by ${cohort.join(', ')} `;
  const direction = node.direction === 'top' ? 'desc' : 'asc';
  const list = (...columns: string[]): string => [...keys, ...columns].join(', ');
  const counted = (from: string, order: string): string =>
    `${name} as (select ${list(`rank() over (${partition}order by ${order}) - 1 as b`, `count(*) over (${partition.trim()}) as n`)} from ${from})`;
  const on = level.key.map((field) => `${level.keyColumn(field)} = ${own.keyColumn(field)}`).join(' and ');
  const from = level === own ? own.name : `${own.name} join ${level.name} on ${on}`;
  const members = own.key.map((field, i) => `${own.keyColumn(field)} as k${i}`).join(', ');
  if (measure.denominator === null) return counted(`(select ${members}, ${measure.numerator} as m from ${from}) as v`, `m ${direction}`);
  // `nullif`: Spark may divide before it filters, and a division by 0 is an error.
  const defined = `select ${members}, ${measure.numerator} as s, nullif(${measure.denominator}, 0) as d from ${from} where ${measure.denominator} > 0`;
  const whole = dialect.widen(floorSql('s', 'd', dialect));
  const wholes = `select ${list('s', 'd', `${whole} as q`)} from (${defined}) as u`;
  const rest = dialect.divide(`((s - d * q) * ${dialect.integer(2n ** 62n)})`, 'd');
  const parts = `select ${list('q', `${rest} as f`)} from (${wholes}) as v`;
  return counted(`(${parts}) as w`, `q ${direction}, f ${direction}`);
}

/** Whether a member is within: over the columns b and n of the CTE `name`. */
export function withinSql(name: string, node: RankNode, dialect: Dialect): string {
  const { units, digits } = node.percent.value;
  const hundred = dialect.integer(100n * 10n ** BigInt(digits));
  return `${hundred} * ${name}.b <= ${dialect.integer(BigInt(units))} * (${name}.n - 1)`;
}
