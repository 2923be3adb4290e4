/**
 * A pattern as one select: the values of each entity for which all conditions hold, from the rows as they are.
 *
 * The oracle of the tests and of `verify`: from scratch, without state, in plain SQL with exact integers.
 */
import type { CompareNode, ConditionNode, MeasureNode } from '../ast.ts';
import type { Pattern } from '../pattern.ts';
import type { Dialect, SqlSource } from './dialect.ts';
import { type Fraction, keyOf, Level } from './measures.ts';
import { rankSql, withinSql } from './rank.ts';

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}

/** `factor * expression`, without a factor of 1. */
function times(factor: bigint, expressions: readonly (string | null)[], dialect: Dialect): string {
  const named = expressions.filter((part) => part !== null);
  const factors = factor === 1n && named.length > 0 ? named : [dialect.integer(factor), ...named];
  return factors.join(' * ');
}

/**
 * left * ours op theirs, where theirs is beyond the integers (`largest`) and ours at most 10^18. An average, below 10^18
 * units, and a sum that `theirs` exceeds even divided by ours are on the side that its sign tells; else it is divided.
 */
function compareFar(left: Fraction, op: string, theirs: bigint, ours: bigint, largest: bigint, dialect: Dialect): string {
  if (left.denominator !== null || abs(theirs) > largest * ours) {
    return String(op === '!=' || (theirs > 0n ? op.startsWith('<') : op.startsWith('>')));
  }
  // Common factors are gone, so it is whole only if ours is 1, which the first case has: no integer equals it.
  if (op === '=' || op === '!=') return String(op === '!=');
  const floor = theirs / ours - (theirs < 0n ? 1n : 0n);
  return `${left.numerator} ${op.startsWith('<') ? '<=' : '>'} ${dialect.integer(floor)}`;
}

/** left op (p / q) * right (null: 1), brought to integers; false where either is undefined. */
function compareSql(left: Fraction, op: string, [p, q]: readonly [bigint, bigint], right: Fraction | null, dialect: Dialect): string {
  const shared = gcd(abs(p), q) || 1n;
  let ours = 10n ** BigInt(right?.digits ?? 0) * (q / shared);
  let theirs = 10n ** BigInt(left.digits) * (p / shared);
  const common = gcd(ours, abs(theirs)) || 1n;
  ours /= common;
  theirs /= common;
  const defined = [left.denominator, right?.denominator ?? null].filter((part) => part !== null).map((part) => `${part} > 0 and `);
  if (right === null && dialect.largest !== null && abs(theirs) > dialect.largest) {
    return `${defined.join('')}${compareFar(left, op, theirs, ours, dialect.largest, dialect)}`;
  }
  const sides = [
    times(ours, [left.numerator, right?.denominator ?? null], dialect),
    times(theirs, [right?.numerator ?? null, left.denominator], dialect),
  ];
  return `${defined.join('')}${sides.join(op === '!=' ? ' <> ' : ` ${op} `)}`;
}

/** Collects the common table expressions of one statement. */
class Statement {
  private readonly levels: Level[] = [];
  private readonly ranks: string[] = [];
  private readonly joins: string[] = [];
  private readonly pattern: Pattern;
  private readonly dialect: Dialect;
  private readonly source: SqlSource;
  private readonly own: Level;

  constructor(pattern: Pattern, dialect: Dialect, source: SqlSource) {
    this.pattern = pattern;
    this.dialect = dialect;
    this.source = source;
    this.own = this.level(pattern.entity);
  }

  get sql(): string {
    const conditions = this.pattern.conditions.map(({ node }) => `(${this.condition(node)})`);
    const values = this.pattern.entity.map((field) => `${this.own.keyColumn(field)} as ${this.dialect.identifier(field)}`);
    const tables = [...this.levels.map((level) => level.sql), ...this.ranks].join(',\n');
    const joins = this.joins.map((join) => `\n${join}`).join('');
    return `with ${tables}\nselect ${values.join(', ')}\nfrom ${this.own.name}${joins}\nwhere ${conditions.join('\n  and ')}`;
  }

  private condition(node: ConditionNode): string {
    if (node.kind === 'compare') return this.compare(node);
    const level = this.level(keyOf(node.measure, this.pattern.entity));
    const name = `r${this.ranks.length}`;
    this.ranks.push(rankSql(name, node, this.own, level, level.add(node.measure), this.dialect));
    this.join(name, this.own.key);
    return withinSql(name, node, this.dialect);
  }

  private compare({ left, op, right }: CompareNode): string {
    const ours = this.measure(left);
    if (right.kind === 'number') {
      const { units, digits } = right.value;
      return compareSql(ours, op, [BigInt(units), 10n ** BigInt(digits)], null, this.dialect);
    }
    const share =
      right.kind === 'measure'
        ? ([1n, 1n] as const)
        : ([BigInt(right.percent.value.units), 100n * 10n ** BigInt(right.percent.value.digits)] as const);
    return compareSql(ours, op, share, this.measure(right.measure), this.dialect);
  }

  private measure(node: MeasureNode): Fraction {
    return this.level(keyOf(node, this.pattern.entity)).add(node);
  }

  private level(key: readonly string[]): Level {
    const known = this.levels.find((level) => level.key.length === key.length && key.every((field) => level.key.includes(field)));
    if (known !== undefined) return known;
    const made = new Level(`g${this.levels.length}`, key, this.dialect, this.source);
    this.levels.push(made);
    if (this.levels.length > 1) this.join(made.name, key);
    return made;
  }

  private join(name: string, key: readonly string[]): void {
    const on = key.map((field, i) => `${name}.k${i} = ${this.own.keyColumn(field)}`);
    this.joins.push(`join ${name} on ${on.join(' and ')}`);
  }
}

/** One select whose columns are the entity's dimensions in the declared order, all texts; rows in no order, each once. */
export function compilePattern(pattern: Pattern, dialect: Dialect, source: SqlSource): string {
  return new Statement(pattern, dialect, source).sql;
}
