/**
 * Spark SQL: decimal(38, 0). Under ANSI mode (`spark.sql.ansi.enabled`, the default since Spark 4) an overflow is an error;
 * without it Spark yields null, so set it: |sum| * 10^8 * count must stay below 10^38. `div` gives a bigint: averages
 * are below 10^18 units, and the second quotient of a rank below 2^62.
 */
import type { Dialect } from './dialect.ts';

/** Every ASCII sign that could mean something is written by its code: quotes, backslashes, and `$`, because Spark replaces `${...}` in statements. */
function escape(value: string): string {
  return value.replace(/[^A-Za-z0-9 _.\u{80}-\u{10FFFF}-]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export const spark: Dialect = {
  name: 'spark',
  identifier: (name) => `\`${name.replaceAll('`', '``')}\``,
  text: (value) => `'${escape(value)}'`,
  integer: (value) => `cast('${value}' as decimal(38, 0))`,
  largest: 10n ** 38n - 1n,
  widen: (expression) => `cast(${expression} as decimal(38, 0))`,
  divide: (dividend, divisor) => `cast((${dividend} div ${divisor}) as decimal(38, 0))`,
};
