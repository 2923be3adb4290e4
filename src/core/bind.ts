/** The operands of a plan's conditions, bound to the columns of a state. */
import type { Column } from './column.ts';
import { assertLaw } from './error.ts';
import type { Link } from './link.ts';
import { Measure } from './measure.ts';
import type { Operand } from './plan.ts';
import type { State } from './state.ts';

/** A measure, and the way from an entity of the pattern to the entity that has it (null: it is its own). */
export interface Bound {
  readonly measure: Measure;
  readonly via: Link | null;
}

export function bindOperand(state: State, grain: number, operand: Operand): Bound {
  return { measure: makeMeasure(state, operand), via: operand.grain === grain ? null : state.link(grain, operand.grain) };
}

function makeMeasure(state: State, operand: Operand): Measure {
  const { additive, distinct } = state.grain(operand.grain);
  switch (operand.kind) {
    case 'additive':
      return new Measure(column(additive, operand.index), null, operand.digits);
    case 'distinct':
      return new Measure(column(distinct, operand.index), null, operand.digits);
    default:
      return new Measure(column(additive, operand.sum), column(additive, operand.number), operand.digits);
  }
}

function column(columns: readonly Column[], index: number): Column {
  const found = columns[index];
  assertLaw(found !== undefined, `the layout has the measure ${index} that a condition names`);
  return found;
}

/** Whether every dimension of `part` is one of `whole`. */
export function isPart(part: readonly number[], whole: readonly number[]): boolean {
  return part.every((dimension) => whole.includes(dimension));
}
