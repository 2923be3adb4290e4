/**
 * Measures as SQL: for each key one grouped query whose columns are what the conditions ask of it.
 *
 * Written from DESIGN.md 3 and from the syntax tree alone: no code of `core` and none of the planner, because this is
 * what they are checked against.
 */
import type { MeasureNode, TestNode } from '../ast.ts';
import type { Dialect, SqlSource } from './dialect.ts';

/** numerator / (denominator * 10^digits); without a denominator always defined, with one while it is positive. SQL expressions. */
export interface Fraction {
  readonly numerator: string;
  readonly denominator: string | null;
  readonly digits: number;
}

function power(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

export function fieldColumn(field: string, dialect: Dialect, source: SqlSource): string {
  return dialect.identifier(source.column?.(field) ?? field);
}

export function testSql(test: TestNode, dialect: Dialect, source: SqlSource): string {
  const column = fieldColumn(test.field.name, dialect, source);
  if (test.kind === 'text') {
    const values = test.values.map((value) => dialect.text(value)).join(', ');
    if (test.op === 'in') return `${column} in (${values})`;
    return `${column} ${test.op === '=' ? '=' : '<>'} ${values}`;
  }
  // column / 10^scale against units / 10^digits, both times the larger power.
  const shift = Math.max(0, test.value.digits - source.scale);
  const units = BigInt(test.value.units) * power(Math.max(0, source.scale - test.value.digits));
  const left = shift === 0 ? column : `${column} * ${dialect.integer(power(shift))}`;
  return `${left} ${test.op === '!=' ? '<>' : test.op} ${dialect.integer(units)}`;
}

function whereSql(tests: readonly TestNode[], dialect: Dialect, source: SqlSource): string {
  return tests.map((test) => testSql(test, dialect, source)).join(' and ');
}

/** The key of a measure: its group in any order, or the entity. */
export function keyOf(measure: MeasureNode, entity: readonly string[]): readonly string[] {
  return measure.group === null ? entity : [...new Set(measure.group.map((node) => node.name))].sort();
}

/** One grouped query: the members of a key (with at least one transaction) and their measures. */
export class Level {
  readonly name: string;
  readonly key: readonly string[];
  private readonly columns = new Map<string, string>();
  private usesReference = false;
  private readonly dialect: Dialect;
  private readonly source: SqlSource;

  constructor(name: string, key: readonly string[], dialect: Dialect, source: SqlSource) {
    this.name = name;
    this.key = key;
    this.dialect = dialect;
    this.source = source;
  }

  /** The measure's parts as columns of this level. */
  add(measure: MeasureNode): Fraction {
    const { dialect, source } = this;
    const where = whereSql(measure.where, dialect, source);
    const only = (condition: string): string => [condition, where].filter((part) => part !== '').join(' and ');
    const filter = (condition: string): string => (only(condition) === '' ? '' : ` filter (where ${only(condition)})`);
    if (measure.kind === 'count') return this.whole(dialect.widen(`count(*)${filter('')}`));
    if (measure.kind === 'distinct') {
      const column = fieldColumn(measure.of.name, dialect, source);
      return this.whole(dialect.widen(`count(distinct case when ${only('') === '' ? 'true' : only('')} then ${column} end)`));
    }
    const digits = source.scale;
    if (measure.of === 'weight' && source.reference !== null) {
      this.usesReference = true;
      return { numerator: `${this.name}.ws`, denominator: measure.kind === 'avg' ? `${this.name}.wn` : null, digits };
    }
    const column = fieldColumn(measure.of, dialect, source);
    const sum = this.column(dialect.widen(`coalesce(sum(${column})${filter('')}, 0)`));
    if (measure.kind === 'sum') return { numerator: sum, denominator: null, digits };
    return { numerator: sum, denominator: this.column(dialect.widen(`count(*)${filter(`${column} is not null`)}`)), digits };
  }

  keyColumn(field: string): string {
    return `${this.name}.k${this.key.indexOf(field)}`;
  }

  /** `name as (select ...)`. */
  get sql(): string {
    const { dialect, source } = this;
    const keys = this.key.map((field, i) => `${fieldColumn(field, dialect, source)} as k${i}`);
    // By position: a field may have the name of an alias.
    const by = this.key.map((_, i) => i + 1).join(', ');
    const measures = [...this.columns].map(([expression, alias]) => `${expression} as ${alias}`);
    const grouped = `select ${[...keys, ...measures].join(', ')} from ${source.transactions} as tx group by ${by}`;
    if (!this.usesReference || source.reference === null) return `${this.name} as (${grouped})`;
    // Both sides are grouped first: nothing fans out.
    const named = this.key.map((field, i) => `${dialect.identifier(field)} as k${i}`);
    const numbers = [`${dialect.widen('sum(weight)')} as ws`, `${dialect.widen('count(*)')} as wn`];
    const weights = `select ${[...named, ...numbers].join(', ')} from ${source.reference} as ref group by ${by}`;
    const on = this.key.map((_, i) => `w.k${i} = t.k${i}`).join(' and ');
    const zero = dialect.integer(0n);
    return `${this.name} as (select t.*, coalesce(w.ws, ${zero}) as ws, coalesce(w.wn, ${zero}) as wn from (${grouped}) as t left join (${weights}) as w on ${on})`;
  }

  private whole(expression: string): Fraction {
    return { numerator: this.column(expression), denominator: null, digits: 0 };
  }

  private column(expression: string): string {
    const alias = this.columns.get(expression) ?? `m${this.columns.size}`;
    this.columns.set(expression, alias);
    return `${this.name}.${alias}`;
  }
}
