/** The fields that conditions and entities may name: the default columns, and every name in the config's `columns`. */
import type { NumericField } from '../core/layout.ts';

/** DESIGN.md 4: the columns of a chunk that needs no mapping. */
export const defaultFields: readonly string[] = [
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
  'weight',
];

/** The only fields that hold numbers. Every other field holds names: it is a dimension. */
export const numericFields: readonly NumericField[] = ['amount', 'weight'];

/** The dimensions of a reference file of weights. */
export const referenceFields: readonly string[] = ['customer', 'merchant'];

export function isNumericField(name: string): name is NumericField {
  return name === 'amount' || name === 'weight';
}
