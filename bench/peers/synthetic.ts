/**
 * States of any size for one chunk: 50 merchants, each past the gate, with pairs / 50 customers each; one of ten customers
 * comes more often. A chunk has 200 rows for each merchant on average: known pairs at random, one of twenty new, and 80
 * small ones of one new customer, so that each chunk has a detection.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const merchants = 50;
const gate = 50_000;
const header = 'step,customer,age,gender,zipcodeOri,merchant,zipMerchant,category,amount,fraud\n';
const rowsOfFile = 1_000_000;
const chunkRows = 10_000;

/** Writes base_0.csv, base_1.csv, ...; their names. */
export function writeBase(folder: string, pairs: number): readonly string[] {
  const each = Math.ceil((gate + 1) / (pairs / merchants));
  const pairsOfFile = Math.floor(rowsOfFile / each);
  const names: string[] = [];
  for (let from = 0; from < pairs; from += pairsOfFile) {
    const name = `base_${names.length}.csv`;
    writeRows(join(folder, name), baseRows(from, Math.min(pairs, from + pairsOfFile), each));
    names.push(name);
  }
  return names;
}

export function chunkText(pairs: number, number: number): string {
  const rows = Array.from({ length: chunkRows }, (_, i) => {
    const salt = mix(number * chunkRows + i);
    if (i >= chunkRows - 80) return row(pairs + 1_000_000 + number, '1.00');
    return row(i % 20 === 0 ? pairs + number * chunkRows + i : salt % pairs, amountOf(mix(salt)));
  });
  return header + rows.join('');
}

function* baseRows(from: number, to: number, each: number): Generator<string> {
  for (let round = 0; round < each + 4; round++) {
    for (let pair = from; pair < to; pair++) if (round < each || mix(pair) % 10 === 0) yield row(pair, amountOf(mix(pair)));
  }
}

function row(pair: number, amount: string): string {
  const customer = Math.floor(pair / merchants);
  const gender = mix(customer) % 5 < 2 ? 'F' : 'M';
  return `0,'C${1_000_000_000 + customer}','4','${gender}','28007','M${1_000_000_000 + (pair % merchants)}','28007','es_transportation',${amount},0\n`;
}

function amountOf(salt: number): string {
  return `${1 + (salt % 90)}.${String(salt % 100).padStart(2, '0')}`;
}

/** A hash of a number, by Murmur's finisher. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function writeRows(path: string, rows: Iterable<string>): void {
  const file = openSync(path, 'w');
  let text = header;
  try {
    for (const line of rows) {
      text += line;
      if (text.length < 1 << 20) continue;
      writeSync(file, text);
      text = '';
    }
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}
