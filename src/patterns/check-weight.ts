/**
 * What a reference file of weights can answer: only measures of customers and merchants, and no `where`.
 *
 * Its rows are facts about a (customer, merchant), not transactions: they have no category to test or to group by.
 */
import type { ConditionNode } from './ast.ts';
import { measuresOf } from './ast.ts';
import { measureKey } from './canonical.ts';
import { referenceFields } from './fields.ts';
import { printMeasure } from './print.ts';
import type { Fault } from './problem.ts';

export function checkReferenceWeight(node: ConditionNode, entity: readonly string[]): Fault[] {
  return measuresOf(node).flatMap((measure): Fault[] => {
    const tested = measure.where.find((test) => test.kind === 'number' && test.field.name === 'weight');
    if (tested !== undefined) {
      return [
        {
          message: 'With a reference file, transactions have no weight to test.',
          at: tested.field.at,
          suggestion: 'Take the test away, or give the weight as a column.',
        },
      ];
    }
    const isWeight = (measure.kind === 'sum' || measure.kind === 'avg') && measure.of === 'weight';
    if (!isWeight) return [];
    const shown = printMeasure(measure);
    if (measure.where.length > 0) {
      return [
        {
          message: `With a reference file, weights have no fields to test, as ${shown} does.`,
          at: measure.at,
          suggestion: 'Take the where away.',
        },
      ];
    }
    const foreign = measureKey(measure, entity).find((name) => !referenceFields.includes(name));
    if (foreign === undefined) return [];
    return [
      {
        message: `With a reference file, ${shown} cannot be told by ${foreign}: weights are known by customer and merchant only.`,
        at: measure.at,
        suggestion: 'Measure the weight of customer, merchant or both.',
      },
    ];
  });
}
