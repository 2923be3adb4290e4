import { apportion } from './apportion.ts';
import { ageRows, genderRows, genders } from './shape.ts';

/**
 * Customers are the numbers from 0; those of one gender stand together. Ages are quotas within a gender:
 * no shuffle is needed, since which of them buy where is random (deal-customers.ts).
 */
export interface Customers {
  readonly byGender: readonly number[];
  /** Rows by gender, at least one for each customer. */
  readonly rows: readonly number[];
  /** The characters of each customer's age and gender. */
  readonly age: Uint8Array;
  readonly gender: Uint8Array;
}

/** The rare genders get their first customer here; below, a customer of gender E would hold far more than 0.2% of the rows. */
const enoughForAll = 50;
const enterprise = 2;

export function planCustomers(rows: number, count: number): Customers {
  const least = genderRows.map(() => (count >= enoughForAll ? 1 : 0));
  const byGender = apportion(count, genderRows, least);
  const weights = genderRows.map((weight, g) => (byGender[g] === 0 ? 0 : weight));
  const rowsByGender = apportion(rows, weights, byGender);

  const age = new Uint8Array(count);
  const gender = new Uint8Array(count);
  let start = 0;
  byGender.forEach((size, g) => {
    gender.fill(genders[g]!.charCodeAt(0), start, start + size);
    if (g === enterprise) age.fill('U'.charCodeAt(0), start, start + size);
    else {
      let at = start;
      apportion(size, ageRows).forEach((share, a) => {
        age.fill(48 + a, at, at + share);
        at += share;
      });
    }
    start += size;
  });
  return { byGender, rows: rowsByGender, age, gender };
}
