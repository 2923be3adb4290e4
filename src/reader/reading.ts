/**
 * What is to be read, as far as the reader is concerned, and what of a row that needs.
 *
 * transactions: every row adds to all base grains.
 * reference:    rows are facts about weights (DESIGN.md 3): only the base grains that have measures of the weight are
 *               fed, and of these only those measures; count stays 0. The delta has the layout's shape all the same.
 */
import { assertLaw } from '../core/error.ts';
import { type Additive, baseGrains, type Layout } from '../core/layout.ts';
import type { Csv } from './csv.ts';

export interface Reading {
  readonly layout: Layout;
  /** Our name -> its header, for names that differ. */
  readonly columns: Readonly<Record<string, string>>;
  readonly csv: Csv;
  /** Rows are reference facts, not transactions. */
  readonly reference?: boolean;
}

/** Headers of CustomerImportance.csv, where the config names no others. */
export const referenceColumns: Readonly<Record<string, string>> = { customer: 'Source', merchant: 'Target', weight: 'Weight' };

export interface NeededDimension {
  /** Index in `layout.dimensions`. */
  readonly id: number;
  readonly name: string;
  readonly header: string;
  readonly key: boolean;
}

export interface FedGrain {
  /** Index among the base grains. */
  readonly index: number;
  readonly dimensions: readonly number[];
  /** Index among the grain's additive measures of those that rows feed. */
  readonly measures: readonly number[];
}

export interface Needs {
  readonly scale: number;
  readonly dimensions: readonly NeededDimension[];
  /** Header of the amount, or null if no row must have one. */
  readonly amount: string | null;
  /** column: needed. amount: the column if there is one, else the amount. none: not looked at. */
  readonly weight: 'none' | 'column' | 'amount';
  readonly weightHeader: string;
  readonly fed: readonly FedGrain[];
}

const ofWeight = (measure: Additive): boolean => measure.kind !== 'count' && measure.of === 'weight';

export function headerOf(columns: Readonly<Record<string, string>>, name: string): string {
  return (Object.hasOwn(columns, name) ? columns[name] : undefined) ?? name;
}

export function needsOf(reading: Reading): Needs {
  const { layout, columns } = reading;
  const reference = reading.reference === true;
  const fed = baseGrains(layout).flatMap((grain, index): FedGrain[] => {
    const { dimensions = [], additive = [] } = layout.grains[grain] ?? {};
    const weightsElsewhere = layout.weight === 'reference' || layout.weight === 'none';
    const measures = additive.flatMap((measure, at) =>
      (reference ? ofWeight(measure) : !(weightsElsewhere && ofWeight(measure))) ? [at] : [],
    );
    assertLaw(!reference || measures.every((at) => additive[at]?.filter === null), 'no filter on a weight of the reference');
    return reference && measures.length === 0 ? [] : [{ index, dimensions, measures }];
  });
  const fedDimensions = new Set(fed.flatMap((grain) => grain.dimensions));
  const dimensions = layout.dimensions.flatMap(({ name, key }, id): NeededDimension[] =>
    reference && !fedDimensions.has(id) ? [] : [{ id, name, header: headerOf(columns, name), key }],
  );
  const ofChunk = layout.weight === 'column' || layout.weight === 'amount' ? layout.weight : 'none';
  return {
    scale: layout.scale,
    dimensions,
    amount: layout.amount && !reference ? headerOf(columns, 'amount') : null,
    weight: reference ? 'column' : ofChunk,
    weightHeader: headerOf(columns, 'weight'),
    fed,
  };
}
