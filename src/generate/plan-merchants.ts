import { apportion } from './apportion.ts';
import type { Numbering } from './names.ts';
import { balanced, categories } from './shape.ts';

export interface Merchant {
  readonly name: string;
  /** Index into `categories`; 0 is transport. */
  readonly category: number;
  readonly rows: number;
}

/**
 * The merchants and the rows of each.
 *
 * Shares are taken in three steps, so that what matters most is the most exact: transport against shops,
 * categories within shops, merchants within a category; each merchant has at least one row. Fewer than 50
 * merchants are the largest ones (and the balanced one); more get small ones beside them in every category
 * of shops.
 */
export function planMerchants(rows: number, count: number, numbering: Numbering): Merchant[] {
  const chosen = chooseMerchants(count, numbering);
  const transport = chosen.filter((m) => m.category === 0);
  const shops = chosen.filter((m) => m.category !== 0);
  const [transportRows = 0, shopRows = 0] = apportion(
    rows,
    [wholeCategory(0), shops.length === 0 ? 0 : sum(categories.map((_, c) => (c === 0 ? 0 : wholeCategory(c))))],
    [transport.length, shops.length],
  );
  const planned = share(transport, transportRows);
  if (shops.length === 0) return planned;

  // The balanced merchant needs 24 rows to be balanced at all: 11 women, 12 men, one to come again.
  const least = (m: Chosen): number =>
    m.name === balanced.merchant ? Math.max(1, Math.min(2 * balanced.least + 2, shopRows - shops.length + 1)) : 1;
  const groups = [...new Set(shops.map((m) => m.category))].map((c) => shops.filter((m) => m.category === c));
  const categoryRows = apportion(
    shopRows,
    groups.map((group) => wholeCategory(group[0]!.category)),
    groups.map((group) => sum(group.map(least))),
  );
  groups.forEach((group, g) => planned.push(...share(group, categoryRows[g]!, least)));
  return planned;
}

interface Chosen {
  readonly name: string;
  readonly category: number;
  readonly weight: number;
}

function chooseMerchants(count: number, numbering: Numbering): Chosen[] {
  const known = categories.flatMap((shape, category) =>
    Object.entries(shape.merchants).map(([name, weight]): Chosen => ({ name, category, weight })),
  );
  const priority = (m: Chosen): number => (m.category === 0 ? 2 : m.name === balanced.merchant ? 1 : 0);
  const chosen = [...known].sort((a, b) => priority(b) - priority(a) || b.weight - a.weight).slice(0, count);
  if (count <= known.length) return chosen;

  const taken = new Set(known.map((m) => m.name));
  let index = 0;
  const newName = (): string => {
    for (;;) {
      const name = `M${numbering(index++)}`;
      if (!taken.has(name)) return name;
    }
  };
  const extra = apportion(count - known.length, [0, ...categories.slice(1).map((_, i) => wholeCategory(i + 1))]);
  extra.forEach((more, category) => {
    const size = Object.keys(categories[category]!.merchants).length;
    const weight = Math.max(1, Math.floor(wholeCategory(category) / (10 * size)));
    for (let i = 0; i < more; i++) chosen.push({ name: newName(), category, weight });
  });
  return chosen;
}

function share(merchants: readonly Chosen[], rows: number, least: (m: Chosen) => number = () => 1): Merchant[] {
  const quotas = apportion(
    rows,
    merchants.map((m) => m.weight),
    merchants.map(least),
  );
  return merchants.map(({ name, category }, i) => ({ name, category, rows: quotas[i]! }));
}

function wholeCategory(category: number): number {
  return sum(Object.values(categories[category]!.merchants));
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const n of numbers) total += n;
  return total;
}
