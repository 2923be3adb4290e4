import { apportion } from './apportion.ts';
import type { Customers } from './plan-customers.ts';
import type { Merchant } from './plan-merchants.ts';
import { balanced, busiest, full, genders, shopGenders } from './shape.ts';

/**
 * A cell is a merchant and a gender: its rows and its distinct customers are quotas, and so is the profile of
 * how often each of them comes (profile.ts). Cells keep every count exact that the patterns look at.
 */
export interface Cell {
  readonly merchant: number;
  readonly gender: number;
  readonly rows: number;
  readonly customers: number;
  /** One pair of the cell has exactly so many rows, more than any other pair; 0: none is set apart. */
  readonly busiest: number;
  /** No other pair has more. */
  readonly top: number;
}

/** Some customers of a transport merchant do not use it. */
const transportReach = 0.985;
/** How far the most frequent customers of a merchant are above its average. */
const transportSpread = 2.2;
const shopSpread = 6;

/** Cells in the order of merchants, transport first; empty ones are left out. */
export function planCells(rows: number, merchants: readonly Merchant[], customers: Customers): Cell[] {
  const quotas = shareGenders(merchants, customers);
  const distinct = planDistinct(merchants, customers, quotas);
  const total = customers.byGender.reduce((a, b) => a + b, 0);
  const most = Math.max(1, Math.round((busiest * (rows * full.customers)) / (total * full.rows)));

  const cells: Cell[] = [];
  merchants.forEach(({ category }, merchant) => {
    genders.forEach((_, gender) => {
      const n = quotas[merchant]![gender]!;
      const d = distinct[merchant]![gender]!;
      if (n === 0) return;
      const first = merchant === 0 && gender === 0 && d > 1;
      const set = first ? Math.min(Math.max(most, Math.ceil(n / d)), n - d + 1) : 0;
      const mean = first ? (n - set) / (d - 1) : n / d;
      const spread = category === 0 ? Math.floor(mean * transportSpread) : 3 + Math.floor(mean * shopSpread);
      const top = Math.max(Math.ceil(mean), Math.min(spread, most - 1));
      cells.push({ merchant, gender, rows: n, customers: d, busiest: set, top });
    });
  });
  return cells;
}

/** Rows by merchant and gender, exact in both margins: shops by their own shares, transport takes what is left. */
function shareGenders(merchants: readonly Merchant[], customers: Customers): number[][] {
  const left = [...customers.rows];
  const quotas: number[][] = merchants.map(() => []);
  // The balanced one first: its quotas bear no cut. The largest last: what is left is exactly its share.
  const isBalanced = (m: number): number => (merchants[m]!.name === balanced.merchant ? 1 : 0);
  const order = merchants.map((_, m) => m).sort((a, b) => isBalanced(b) - isBalanced(a) || b - a);
  for (const m of order) {
    const { category, rows } = merchants[m]!;
    const even = balancedCustomers(merchants[m]!, customers);
    if (even > 0) quotas[m] = apportion(rows, [even, even + 1, 0, 0], [even, even + 1, 0, 0], left);
    else quotas[m] = apportion(rows, category === 0 ? left : shopGenders, undefined, left);
    quotas[m].forEach((n, g) => (left[g]! -= n));
  }
  return quotas;
}

/** The female customers of the balanced merchant (it has one male customer more), or 0 if this is another or cannot be balanced. */
function balancedCustomers(merchant: Merchant, customers: Customers): number {
  if (merchant.name !== balanced.merchant) return 0;
  const { rows } = merchant;
  const wanted = Math.max(balanced.least, Math.round((rows * balanced.female) / balanced.rows));
  return Math.max(0, Math.min(wanted, Math.floor((rows - 1) / 2), customers.byGender[0]!, customers.byGender[1]! - 1));
}

/**
 * Distinct customers by merchant and gender: as many as so many random buyers would make, c (1 - (1 - 1/c)^n).
 * (That is BankSim: 76,029 pairs there.) Raised, the largest merchants first, until every customer has a place.
 */
function planDistinct(merchants: readonly Merchant[], customers: Customers, quotas: readonly (readonly number[])[]): number[][] {
  const distinct = merchants.map((merchant, m) => {
    const even = balancedCustomers(merchant, customers);
    return quotas[m]!.map((n, g) => {
      if (even > 0 && g <= 1) return even + g;
      const c = customers.byGender[g]!;
      const expected = occupancy(merchant.category === 0 ? Math.max(1, c * transportReach) : c, n);
      return n === 0 ? 0 : Math.max(1, Math.min(Math.round(expected), n, c));
    });
  });
  customers.byGender.forEach((c, g) => {
    let missing = c;
    for (const d of distinct) missing -= d[g]!;
    for (let m = 0; m < merchants.length && missing > 0; m++) {
      const more = Math.min(missing, Math.min(quotas[m]![g]!, c) - distinct[m]![g]!);
      distinct[m]![g]! += more;
      missing -= more;
    }
  });
  return distinct;
}

/** The expected number of different ones in n draws out of c. The power by squaring: Math.pow is not the same everywhere. */
function occupancy(c: number, n: number): number {
  let power = 1;
  for (let base = 1 - 1 / c, k = n; k > 0; k = Math.floor(k / 2), base *= base) {
    if (k % 2 === 1) power *= base;
  }
  return c * (1 - power);
}
