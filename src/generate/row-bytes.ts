/**
 * Rows as bytes, without a string a row: numbers are written digit by digit, what repeats is copied.
 *
 * Blocks are fresh memory each, since a reader may keep one while it asks for the next.
 */
import { Amounts } from './amounts.ts';
import type { Plan } from './plan.ts';
import { categories, zipCode } from './shape.ts';

export const header = 'step,customer,age,gender,zipcodeOri,merchant,zipMerchant,category,amount,fraud';
export const referenceHeader = 'Source,Target,Weight,typeTrans,fraud';

/** Told the number of rows behind it before each block. */
export type OnRows = (rows: number) => void;

const blockBytes = 1 << 18;
/** Longer than any row or header. */
const roomForRow = 256;

export function* transactionBlocks(plan: Plan, onRows?: OnRows): Generator<Uint8Array> {
  const middle = bytesOf(`','${zipCode}',`);
  const merchants = plan.merchants.map((m) => bytesOf(`'${m.name}','${zipCode}','${categories[m.category]!.name}',`));
  const { age, gender } = plan.customers;
  let step = 0;
  let stepEnd = plan.stepRows[0]!;
  yield* blocks(plan, header, onRows, (block, at, row, customer, merchant, cents, fraud) => {
    while (row >= stepEnd) stepEnd += plan.stepRows[++step]!;
    at = putNumber(block, at, step);
    at = putCustomer(block, at, plan, customer, 0x2c);
    block[at++] = 0x27;
    block[at++] = age[customer]!;
    block[at++] = 0x27;
    block[at++] = 0x2c;
    block[at++] = 0x27;
    block[at++] = gender[customer]!;
    at = putBytes(block, at, middle);
    at = putBytes(block, at, merchants[merchant]!);
    at = putCents(block, at, cents);
    return putFraud(block, at, fraud);
  });
}

export function* referenceBlocks(plan: Plan, onRows?: OnRows): Generator<Uint8Array> {
  const merchants = plan.merchants.map((m) => bytesOf(`'${m.name}',`));
  const types = plan.merchants.map((m) => bytesOf(`,'${categories[m.category]!.name}'`));
  yield* blocks(plan, referenceHeader, onRows, (block, at, _, customer, merchant, cents, fraud) => {
    at = putCustomer(block, at, plan, customer, 0);
    at = putBytes(block, at, merchants[merchant]!);
    at = putCents(block, at, cents);
    at = putBytes(block, at, types[merchant]!);
    return putFraud(block, at, fraud);
  });
}

/** Writes one row at `at` and returns the position behind it. */
type PutRow = (block: Uint8Array, at: number, row: number, customer: number, merchant: number, cents: number, fraud: boolean) => number;

function* blocks(plan: Plan, head: string, onRows: OnRows | undefined, putRow: PutRow): Generator<Uint8Array> {
  const { order, pairCell, pairCustomer, cells } = plan;
  const merchantOf = Uint32Array.from(cells, (cell) => cell.merchant);
  const amounts = new Amounts(plan);
  const rows = order.length;
  let row = 0;
  const fill = (block: Uint8Array, start: number): number => {
    let at = start;
    for (; row < rows && at + roomForRow <= blockBytes; row++) {
      const pair = order[row]!;
      const cents = amounts.next(pair);
      at = putRow(block, at, row, pairCustomer[pair]!, merchantOf[pairCell[pair]!]!, cents, amounts.fraud);
    }
    return at;
  };
  let start = bytesOf(`${head}\n`);
  for (;;) {
    const block = new Uint8Array(blockBytes);
    const end = fill(block, putBytes(block, 0, start));
    onRows?.(row);
    yield block.subarray(0, end);
    if (row === rows) return;
    start = new Uint8Array(0);
  }
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function putBytes(block: Uint8Array, at: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) block[at++] = bytes[i]!;
  return at;
}

/** A whole number below 2^31. */
function putNumber(block: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let power = 10; digits < 10 && value >= power; power *= 10) digits++;
  const end = at + digits;
  let rest = value;
  for (let i = end - 1; i >= at; i--) {
    const tenth = (rest / 10) | 0;
    block[i] = 48 + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}

function putCents(block: Uint8Array, at: number, cents: number): number {
  const whole = (cents / 100) | 0;
  const rest = cents - whole * 100;
  at = putNumber(block, at, whole);
  block[at++] = 0x2e;
  block[at++] = 48 + ((rest / 10) | 0);
  block[at++] = 48 + (rest % 10);
  return at;
}

/** `,'C123',`, the first comma only if asked for. */
function putCustomer(block: Uint8Array, at: number, plan: Plan, customer: number, before: number): number {
  if (before !== 0) block[at++] = before;
  block[at++] = 0x27;
  block[at++] = 0x43;
  at = putNumber(block, at, plan.customerNumber(customer));
  block[at++] = 0x27;
  block[at++] = 0x2c;
  return at;
}

function putFraud(block: Uint8Array, at: number, fraud: boolean): number {
  block[at++] = 0x2c;
  block[at++] = fraud ? 0x31 : 0x30;
  block[at++] = 0x0a;
  return at;
}
