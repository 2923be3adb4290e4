/** Generated layouts and files, for fast-check: files that are almost right in every way in which they can be wrong. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Additive, Decimal, Dimension, Filter, Layout, Test, WeightSource } from '../../src/core/layout.ts';
import type { Csv } from '../../src/reader/csv.ts';
import type { Reading } from '../../src/reader/reading.ts';
import { grain } from './engine-layouts.ts';

/** How often a property is tried; TALLYHO_RUNS=10 tries ten times as often. */
export function runs(count: number): { readonly numRuns: number } {
  return { numRuns: Math.ceil(count * Number(process.env['TALLYHO_RUNS'] ?? 1)) };
}

const dimensions: Dimension[] = [
  { name: 'merchant', key: true },
  { name: 'customer', key: true },
  { name: 'category', key: true },
  { name: 'gender', key: false },
];

function decimal(units: bigint, digits: number): Decimal {
  let [u, d] = [units, digits];
  while (d > 0 && u % 10n === 0n) [u, d] = [u / 10n, d - 1];
  return { units: String(u), digits: d };
}

const texts = fc.constantFrom('', 'a', 'F', 'M', 'C1', 'M2', 'é', "O'Neil", 'b c');
const decimals = fc
  .tuple(fc.constantFrom(0n, 1n, 15n, -2n, 150n, -200n, 7n, 9007199254740993n, -(10n ** 20n)), fc.integer({ min: 0, max: 4 }))
  .map(([units, digits]) => decimal(units, digits));

function tests(weight: WeightSource): fc.Arbitrary<Test> {
  return fc.oneof(
    fc.record({
      kind: fc.constant('text' as const),
      dimension: fc.integer({ min: 0, max: 3 }),
      op: fc.constantFrom('=' as const, '!=' as const, 'in' as const),
      values: fc.array(texts, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('number' as const),
      field:
        weight === 'column' || weight === 'amount' ? fc.constantFrom('amount' as const, 'weight' as const) : fc.constant('amount' as const),
      op: fc.constantFrom('<' as const, '<=' as const, '>' as const, '>=' as const, '=' as const, '!=' as const),
      value: decimals,
    }),
  );
}

function measures(weight: WeightSource, filters: number): fc.Arbitrary<Additive> {
  const filter = filters === 0 ? fc.constant(null) : fc.option(fc.integer({ min: 0, max: filters - 1 }));
  // A weight of the reference has no filter.
  const ofWeight = weight === 'reference' ? fc.constant(null) : filter;
  return fc.oneof(
    fc.record({ kind: fc.constant('count' as const), filter }),
    fc.record({ kind: fc.constant('sum' as const), of: fc.constant('amount' as const), filter }),
    ...(weight === 'none'
      ? []
      : [
          fc.record({ kind: fc.constant('sum' as const), of: fc.constant('weight' as const), filter: ofWeight }),
          fc.record({ kind: fc.constant('number' as const), of: fc.constant('weight' as const), filter: ofWeight }),
        ]),
  );
}

export function layouts(weight: WeightSource): fc.Arbitrary<Layout> {
  const scales = fc.oneof({ weight: 4, arbitrary: fc.constant(2) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 18 }) });
  const filterSets = fc.oneof(
    { weight: 6, arbitrary: fc.array(fc.array(tests(weight), { minLength: 1, maxLength: 3 }), { maxLength: 3 }) },
    // More than one word of bits.
    { weight: 1, arbitrary: fc.array(fc.array(tests(weight), { minLength: 1, maxLength: 2 }), { minLength: 33, maxLength: 40 }) },
  );
  return fc.tuple(scales, filterSets).chain(([scale, filterTests]) => {
    const filters = filterTests.map((tests): Filter => ({ tests }));
    const keys = weight === 'reference' ? [[0, 1], [0], [1]] : [[0, 1], [2], [1, 2], [2, 0, 1], [], [1]];
    return fc
      .array(fc.tuple(fc.constantFrom(...keys), fc.array(measures(weight, filters.length), { maxLength: 5 })), {
        minLength: 1,
        maxLength: 3,
      })
      .map(
        (grains): Layout => ({
          scale,
          amount: true,
          weight,
          dimensions: dimensions.map((dimension, id) => ({ ...dimension, key: grains.some(([key]) => key.includes(id)) })),
          filters,
          grains: grains.map(([key, additive], base) => grain(`g${base}`, key, additive, base)),
        }),
      );
  });
}

const csvs: fc.Arbitrary<Csv> = fc.record({
  delimiter: fc.oneof({ weight: 4, arbitrary: fc.constant(',') }, { weight: 1, arbitrary: fc.constantFrom(';', '\t', '|', ' ', '.') }),
  quote: fc.oneof(
    { weight: 4, arbitrary: fc.constant('auto' as const) },
    { weight: 1, arbitrary: fc.constantFrom('"' as const, "'" as const, 'none' as const) },
  ),
});

export const readings: fc.Arbitrary<Reading> = fc
  .constantFrom<WeightSource[]>('none', 'column', 'amount', 'reference')
  .chain((weight) => fc.tuple(layouts(weight), csvs, weight === 'reference' ? fc.boolean() : fc.constant(false)))
  .map(([layout, csv, reference]) => ({ layout, csv, reference, columns: reference ? { merchant: 'Target', weight: 'Weight' } : {} }));

// Files. Bytes are texts with one character a byte until the end.

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const values = fc.constantFrom('a', 'F', 'M', 'C1', 'C2', 'M2', 'es_food', utf8('é'), utf8('\u{1f600}'), 'b c', "O'Neil");
const numbers = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1.50', '-2', '0', '7', '25.000', '+3.1', '0012.50', '-0') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('90071992547409.93', '999999999999999', '-999999999999999.99', '123456789012345.67', '0.000000000000000001'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '1e3', 'NaN', '1,5', '1.999', ' 1', '1.', '.5', '--1', '1234567890123456', '12.5\xa0', '+', '1.2.3'),
  },
);
const odd = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('', '"', "'", '""', "''", 'a"b', "a'b", '"a"b', ' "a"', 'a\rb', '\r', ',', ';', '\n', '\r\n', 'x\ny'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '\0',
      '\xff',
      '\xc3',
      '\xed\xa0\x80',
      '\xf4\x90\x80\x80',
      'k'.repeat(256),
      'k'.repeat(257),
      utf8('é'.repeat(129)),
    ),
  },
);

function fieldOf(name: string): fc.Arbitrary<string> {
  const usual = name === 'amount' || name === 'weight' || name === 'Weight' ? numbers : values;
  return fc.oneof({ weight: 30, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

function quoted(text: string, quote: string, how: number): string {
  if (quote === '' || how === 0) return text;
  // Doubled as it should be, or not.
  return quote + (how === 1 ? text : text.replaceAll(quote, quote + quote)) + quote;
}

const lineEnds = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('\n', '\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n\n', '\r\n\r\n', '\r\r\n', '\n\r\n', '\r') },
);

/** A file of records with the header's fields, some of them wrong. */
function records(reading: Reading): fc.Arbitrary<string> {
  const { delimiter } = reading.csv;
  const own = reading.reference ? ['Target', 'customer', 'Weight'] : ['merchant', 'customer', 'category', 'gender', 'amount', 'weight'];
  const names = fc.oneof(
    { weight: 12, arbitrary: fc.shuffledSubarray([...own, 'step', 'x'], { minLength: own.length + 2 }) },
    { weight: 4, arbitrary: fc.constant(own) },
    { weight: 1, arbitrary: fc.shuffledSubarray([...own, ...own, 'Amount', '', utf8('\ufeffamount'), '\xff']) },
  );
  const quotes = reading.csv.quote === 'none' ? [''] : reading.csv.quote === 'auto' ? ['"', "'", ''] : [reading.csv.quote, ''];
  const quote = fc.constantFrom(...quotes);
  const otherQuote = fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.constantFrom('"', "'", '') });
  return fc.tuple(names, quote, otherQuote, lineEnds).chain(([header, quote, otherQuote, end]) => {
    const headerQuote = otherQuote ?? quote;
    const row = fc
      .tuple(
        fc.tuple(...header.map(fieldOf)),
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: header.length, maxLength: header.length }),
        fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) }),
        fc.oneof({ weight: 3, arbitrary: fc.constant(end) }, { weight: 1, arbitrary: lineEnds }),
      )
      .map(([fields, how, extra, end]) => {
        const written = fields.map((field, i) => quoted(field, quote, how[i] ?? 0));
        if (extra < 0) written.pop();
        if (extra > 0) written.push('x');
        return written.join(delimiter) + end;
      });
    const start = fc.oneof(
      { weight: 6, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: fc.constantFrom('\xef\xbb\xbf', '\n', '\r\n\n', '\xef\xbb\xbf\r\n', '\xef\xbb', '\r') },
    );
    return fc.tuple(start, fc.array(row, { maxLength: 12 }), fc.boolean()).map(([start, rows, cut]) => {
      const text = start + header.map((name) => headerQuote + name + headerQuote).join(delimiter) + end + rows.join('');
      return cut ? text.replace(/[\r\n]+$/, '') : text;
    });
  });
}

type Edit = (text: string) => string;

/** A part of the whole, evenly spread: numbers of fast-check prefer the ends. */
const anywhere = fc.nat().map((n) => (Math.imul(n, 0x9e3779b1) >>> 0) / 2 ** 32);

/** Something done to the bytes at a place. */
const edits: fc.Arbitrary<Edit> = fc
  .tuple(anywhere, fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 6 }), odd)
  .map(([where, byte, what, insert]) => (text) => {
    const at = Math.floor(where * text.length);
    switch (what) {
      case 0:
        return text.slice(0, at) + String.fromCharCode(byte) + text.slice(at + 1);
      case 1:
        return text.slice(0, at) + insert + text.slice(at);
      case 2:
        return text.slice(0, at) + text.slice(at + 1 + (byte % 8));
      case 3:
        return text.slice(0, at) + text.slice(at, at + byte) + text.slice(at);
      case 4:
        return text.slice(0, at);
      default: {
        // A quote where a field starts.
        const start = text.indexOf(',', at) + 1;
        return text.slice(0, start) + (byte % 2 === 0 ? '"' : "'") + text.slice(start);
      }
    }
  });

const soup = fc
  .array(fc.oneof(odd, values, numbers, fc.constantFrom(',', '\n', '"', "'", ';')), { maxLength: 40 })
  .map((pieces) => pieces.join(''));

/** Any file: good records, records with edits, a soup of what CSV is made of. */
export function files(reading: Reading): fc.Arbitrary<Buffer> {
  const edited = fc
    .tuple(records(reading), fc.array(edits, { minLength: 1, maxLength: 3 }))
    .map(([text, edits]) => edits.reduce((t, edit) => edit(t), text));
  return fc
    .oneof({ weight: 5, arbitrary: records(reading) }, { weight: 5, arbitrary: edited }, { weight: 1, arbitrary: soup })
    .map(bytesOf);
}

/** Long files of some hundred KiB, in which what is odd is rare: windows and blocks end anywhere in them. */
export const longFiles: fc.Arbitrary<Buffer> = fc
  .array(
    fc.tuple(
      fc.oneof(
        { weight: 4, arbitrary: fc.constant('C1,M2,F,1.50,\n') },
        { weight: 2, arbitrary: fc.constant('"C1","M2",F,"25.000",7\r\n') },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            'C1,M2,F\n',
            'C\xff,M2,F,1,\n',
            '"C\n1",M2,F,1,\n',
            '\n',
            ',M2,F,1,\n',
            'C\0,M2,F,1,\n',
            `${'k'.repeat(9000)},M2,F,1,\n`,
          ),
        },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            `C2,M2,"${'\n'.repeat(5000)}",1,\n`,
            `C2,M2,${'é'.repeat(3000)},1,\n`,
            '"a""b",M2,M,90071992547409.93,-1\n',
            'C1,M2,F,x,\n',
          ),
        },
      ),
      fc.integer({ min: 1, max: 3000 }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((pieces) =>
    bytesOf(
      `customer,merchant,gender,amount,weight\n${pieces.map(([line, times]) => line.repeat(line.length > 1000 ? 1 : times)).join('')}`,
    ),
  );

export const blockSizes = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.constant(1 << 20));

/** Packed in one or more members, perhaps broken afterwards. */
export function packed(bytes: Buffer): fc.Arbitrary<Buffer> {
  const members = fc.array(anywhere, { maxLength: 3 }).map((cuts) => {
    const at = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length];
    return Buffer.concat(at.slice(1).map((end, i) => gzipSync(bytes.subarray(at[i], end), { level: i })));
  });
  const harm = fc.oneof(
    { weight: 4, arbitrary: fc.constant((packed: Buffer) => packed) },
    {
      weight: 1,
      arbitrary: fc
        .double({ min: 0, max: 1, noNaN: true })
        .map((where) => (packed: Buffer) => packed.subarray(0, Math.floor(where * packed.length))),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('\0', '\0\0\0\0', 'x', '\x1f', '\x1f\x8b', '\n')
        .map((tail) => (packed: Buffer) => Buffer.concat([packed, bytesOf(tail)])),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(anywhere, fc.integer({ min: 1, max: 255 })).map(([where, mask]) => (packed: Buffer) => {
        const copy = Buffer.from(packed);
        const at = Math.min(copy.length - 1, Math.floor(where * copy.length));
        copy[at] = (copy[at] ?? 0) ^ mask;
        return copy;
      }),
    },
  );
  return fc.tuple(members, harm).map(([packed, harm]) => harm(packed));
}
