/**
 * Transactions for states of any size in which a chunk of the same shape does the same work, whatever the size.
 *
 * 50 merchants, each with pairs / 50 customers; a customer goes to ten of them. Every merchant is past the gate. Pairs of a
 * merchant, by their share of it, with `base` transactions each and more where said, all of one amount:
 *   15%  heavy    4 more, 51.00 to 90.00     the cut of the top 10% by count lies among these equal counts
 *    2%  target   3 more,  1.00 to  1.99     one more transaction, and it is a detection of PatId1
 *   18%  cheap             2.00 to 20.00     the cut of the bottom 10% by average lies among these
 *   65%  rest             21.00 to 50.00
 * A chunk has for each merchant one target, some new customers, some heavy ones, and many of the rest. One of ten new
 * customers is below the cut of averages, so that cut stays at its value; so work counters can be held against each other.
 * Order of the base: pairs as if shuffled, in slices of the same shape; within a slice one transaction of each, then the next.
 */
import { closeSync, mkdirSync, openSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface Shape {
  readonly pairs: number;
  readonly gate: number;
}

const merchants = 50;
const header = 'step,customer,age,gender,zipcodeOri,merchant,zipMerchant,category,amount,fraud\n';
const share = { heavy: 15, target: 2, cheap: 18, rest: 65 } as const;
const firstOf = { heavy: 0, target: 15, cheap: 17, rest: 35 } as const;
type Kind = keyof typeof share;
const cents = { heavy: [5100, 9000], target: [100, 199], cheap: [200, 2000], rest: [2100, 5000] } as const;
const more = { heavy: 4, target: 3, cheap: 0, rest: 0 } as const;
const sliceRows = 2_000_000;

export function shapeOf(pairs: number, gate = 50_000): Shape {
  if (pairs % 5000 !== 0) throw new Error(`A state has a multiple of 5,000 pairs, not ${pairs}.`);
  return { pairs, gate };
}

export function customersOf({ pairs }: Shape): number {
  return pairs / 10;
}

/** Bytes of the names of customers and merchants. */
export function keyBytes(shape: Shape): number {
  return (customersOf(shape) + merchants) * customerName(0).length;
}

/** Writes the base as old chunks base_0.csv, ...; the number of its rows, files and bytes. */
export function writeBase(folder: string, shape: Shape): { readonly rows: number; readonly files: number; readonly bytes: number } {
  mkdirSync(folder, { recursive: true });
  const slices = Math.max(1, Math.round((shape.pairs * (baseOf(shape) + 0.66)) / sliceRows));
  let rows = 0;
  let bytes = 0;
  for (let slice = 0; slice < slices; slice++) {
    const from = Math.floor((shape.pairs * slice) / slices);
    const to = Math.floor((shape.pairs * (slice + 1)) / slices);
    const written = writeRows(join(folder, `base_${slice}.csv`), baseRows(shape, from, to));
    rows += written.rows;
    bytes += written.bytes;
  }
  return { rows, files: slices, bytes };
}

/** The chunk of that number: 50 x `perMerchant` rows, as many pairs, 50 detections. */
export function chunkBytes(shape: Shape, number: number, perMerchant = 200): Buffer {
  const lines = [header];
  for (let i = 0; i < perMerchant; i++) for (let m = 0; m < merchants; m++) lines.push(chunkRow(shape, number, perMerchant, i, m));
  return Buffer.from(lines.join(''), 'latin1');
}

/** Each pair once or more, as in the base, once over: a large chunk that detects nothing new. Touches `pairs` of them. */
export function writeSweep(path: string, shape: Shape, pairs: number): { readonly rows: number; readonly bytes: number } {
  return writeRows(path, sweepRows(shape, pairs));
}

function* sweepRows(shape: Shape, pairs: number): Generator<string> {
  const stride = strideOf(shape.pairs);
  for (let p = 0; p < pairs; p++) {
    const q = (p * stride) % shape.pairs;
    const m = q % merchants;
    const j = Math.floor(q / merchants);
    if (kindOf(m, j) === 'rest') yield row(m, customerOf(m, j), amount('rest', j * merchants + m));
  }
}

function* baseRows(shape: Shape, from: number, to: number): Generator<string> {
  const stride = strideOf(shape.pairs);
  const base = baseOf(shape);
  for (let round = 0; round < base + more.heavy; round++) {
    for (let p = from; p < to; p++) {
      const q = (p * stride) % shape.pairs;
      const m = q % merchants;
      const j = Math.floor(q / merchants);
      const kind = kindOf(m, j);
      if (round < base + more[kind]) yield row(m, customerOf(m, j), amount(kind, j * merchants + m));
    }
  }
}

function chunkRow(shape: Shape, number: number, perMerchant: number, i: number, m: number): string {
  const of = shape.pairs / merchants;
  const added = Math.floor(perMerchant / 20);
  const heavy = Math.floor(perMerchant / 40);
  const salt = (number * perMerchant + i) * merchants + m;
  if (i === 0) {
    const j = member(of, m, 'target', number);
    return row(m, customerOf(m, j), amount('target', j * merchants + m));
  }
  if (i <= added) return row(m, customerOf(m, of + number * added + i - 1), amount(i % 10 === 1 ? 'target' : 'rest', salt));
  if (i <= added + heavy) return row(m, customerOf(m, member(of, m, 'heavy', number * heavy + i - added)), amount('heavy', salt));
  const first = 1 + added + heavy;
  return row(m, customerOf(m, member(of, m, 'rest', number * (perMerchant - first) + i - first)), amount('rest', salt));
}

/** Transactions of an ordinary pair: so many that each merchant is past the gate. */
function baseOf({ pairs, gate }: Shape): number {
  return Math.max(1, Math.ceil((gate + 1) / (pairs / merchants) - 0.66));
}

/** The n-th member of that kind, of `of` customers of merchant m; far from the one before. */
function member(of: number, m: number, kind: Kind, n: number): number {
  const blocks = Math.floor(of / 100);
  const block = (Math.floor(n / share[kind]) * strideOf(blocks)) % blocks;
  return block * 100 + ((firstOf[kind] + (n % share[kind]) + 93 * m) % 100);
}

function kindOf(m: number, j: number): Kind {
  const place = (j + 7 * m) % 100;
  if (place < firstOf.target) return 'heavy';
  if (place < firstOf.cheap) return 'target';
  return place < firstOf.rest ? 'cheap' : 'rest';
}

function customerOf(m: number, j: number): number {
  return j * 5 + (m % 5);
}

function customerName(customer: number): string {
  return `C${1_000_000_000 + customer}`;
}

function row(m: number, customer: number, amount: string): string {
  // More women than men at the merchants of three classes of customers, fewer at the others.
  const gender = mix(customer) % 100 < (customer % 5 < 3 ? 60 : 40) ? 'F' : 'M';
  return `0,'${customerName(customer)}','4','${gender}','28007','M${1_000_000_000 + m}','28007','es_transportation',${amount},0\n`;
}

function amount(kind: Kind, salt: number): string {
  const [low, high] = cents[kind];
  const value = low + (mix(salt) % (high - low + 1));
  return `${Math.floor(value / 100)}.${String(value % 100).padStart(2, '0')}`;
}

/** A hash of a number, by Murmur's finisher. */
export function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Near the golden section of n, and without a common divisor. */
function strideOf(n: number): number {
  let stride = Math.max(1, Math.round(n * 0.618_033_988_75));
  while (divisor(stride, n) !== 1) stride++;
  return stride;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

function writeRows(path: string, rows: Iterable<string>): { readonly rows: number; readonly bytes: number } {
  const file = openSync(path, 'w');
  let count = 0;
  let bytes = 0;
  let text = header;
  const flush = (): void => {
    bytes += writeSync(file, Buffer.from(text, 'latin1'));
    text = '';
  };
  try {
    for (const line of rows) {
      text += line;
      count++;
      if (text.length > 1 << 20) flush();
    }
    flush();
  } finally {
    closeSync(file);
  }
  const past = new Date(Date.now() - 60_000);
  utimesSync(path, past, past);
  return { rows: count, bytes };
}
