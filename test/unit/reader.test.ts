import { describe, expect, test } from 'vitest';
import { ChunkReader } from '../../src/reader/chunk-reader.ts';
import { guessBytes } from '../../src/reader/quote-guess.ts';
import { needsOf, type Reading, referenceColumns } from '../../src/reader/reading.ts';
import { makeFields, splitRecord } from '../../src/reader/record.ts';
import { grain, presetLayout } from '../helpers/engine-layouts.ts';

const auto: Reading = { layout: presetLayout('none'), columns: {}, csv: { delimiter: ',', quote: 'auto' } };

/** Reads a text in one block; `note` says what was guessed. */
function read(text: string, reading = auto) {
  const reader = new ChunkReader(reading);
  const part = reader.csv('x.csv');
  part.push(Buffer.from(text, 'utf8'));
  const fault = part.end();
  return { fault, note: part.note, ...reader.take(part.rows) };
}

describe('fields', () => {
  const fields = (record: string, quote = '"'): string[] => {
    const bytes = Buffer.from(`${record}"`, 'utf8');
    const room = makeFields(9, bytes.length);
    const count = splitRecord(bytes, 0, bytes.length - 1, quote.charCodeAt(0), 44, room);
    return Array.from({ length: count }, (_, i) => Buffer.from(room.bytes.subarray(room.starts[i], room.ends[i])).toString('utf8'));
  };

  test.each([
    ['', ['']],
    [',', ['', '']],
    ['a,b', ['a', 'b']],
    ['"a,b",c', ['a,b', 'c']],
    ['"",""', ['', '']],
    ['""""', ['"']],
    ['"a""b"', ['a"b']],
    ['"a""",b', ['a"', 'b']],
    // A quote inside an unquoted field is data.
    ['a"b"c,d', ['a"b"c', 'd']],
    [' "a,b"', [' "a', 'b"']],
    // Text after a closing quote is data, and quotes in it open nothing.
    ['"a"b', ['ab']],
    ['"a"b,c', ['ab', 'c']],
    ['"a" "b"', ['a "b"']],
    ['"a"b"c,d"', ['ab"c', 'd"']],
    ['""a""', ['a""']],
    ["'a'", ["'a'"]],
  ])('of %s are %j', (record, expected) => {
    expect(fields(record)).toEqual(expected);
  });

  test('with the other quote are the same', () => {
    expect(fields("'a''b',\"c\",'d'e", "'")).toEqual(["a'b", '"c"', 'de']);
  });

  test('beyond the room are counted', () => {
    const bytes = Buffer.from('a,b,c');
    const room = makeFields(1, bytes.length);
    expect(splitRecord(bytes, 0, bytes.length, 34, 44, room)).toBe(3);
    expect([room.starts[0], room.ends[0]]).toEqual([0, 1]);
  });
});

describe('the quote', () => {
  const header = 'merchant,customer,gender,amount';

  test.each([
    ["is that of the second line's first quoted field", `${header}\nM,'C',"F",1\n`, "'", 2],
    ['is looked for in that line only', `${header}\nM,C,F,1\nM,'C',F,1\n`, null, null],
    ['is not looked for in the first line', `'x',${header}\nM,C,"F",1,x\n`, '"', 2],
    ['passes over blank lines', `\n\r\n${header}\n\r\n\nM,'C',F,1\n`, "'", 6],
    ['is found behind a BOM', `\ufeff${header}\nM,'C',F,1\n`, "'", 2],
    ['is found in a line without an end', `${header}\nM,'C`, "'", 2],
    ['starts a field', `${header}\nM,a'C', 'F',1\n`, null, null],
    ['may be looked for inside a quoted field of the header', `"a\n'b",${header}\n`, "'", 2],
  ])('%s', (_, text, quote, line) => {
    const { note } = read(text);
    const why = quote === null ? '" because no field of the second line is quoted' : `${quote} from line ${line}`;
    expect(note).toBe(`The quote of x.csv was taken to be ${why}; source.csv.quote sets it`);
  });

  test('of a file with a header alone is "', () => {
    expect(read("'merchant','customer','gender','amount'\n").fault?.reason).toBe('bad_header');
    expect(read('"merchant","customer","gender","amount"\n').fault).toBeNull();
  });

  test('is not looked for beyond 2 MiB', () => {
    const wide = `${header},x\nM,C,F,1,`;
    const at = (length: number): string => `${wide}${'x'.repeat(length - wide.length - 1)},'x'\nM,C,F,1,'x'\n`;
    expect(read(at(guessBytes - 1)).note).toContain("to be ' from line 2");
    expect(read(at(guessBytes)).note).toContain('to be " because');
  });

  test('that is configured is not guessed', () => {
    const { note, rows, rejectedRows } = read(`${header}\n'M','C','F',1\n`, { ...auto, csv: { delimiter: ',', quote: 'none' } });
    expect({ note, rows, rejectedRows }).toEqual({ note: null, rows: 1, rejectedRows: 0 });
  });
});

describe('messages', () => {
  test('name what the header has not, and what it nearly has', () => {
    const detail = read('Merchant,customer,customer,x\n').fault?.detail;
    expect(detail).toContain('has no columns "merchant" (but "Merchant": names must match exactly), "gender" and "amount" and has');
    expect(detail).toContain('has the column "customer" twice');
    expect(detail).toContain('it has "Merchant", "customer", "customer", "x".');
  });

  test('name one column that is not there', () => {
    expect(read('merchant,customer,x,amount\n').fault?.detail).toContain('The header has no column "gender"; it has');
  });

  test('tell the guess only if another quote may mend the header', () => {
    const told = (header: string): boolean => read(`${header}\nM,C,F,1\n`).fault?.detail.includes('was taken to be') === true;
    expect(['merchant,customer,x,amount', "'merchant',customer,gender,amount", 'a,"x",b', 'merchant;customer'].map(told)).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(read('merchant;customer\n').fault?.detail).toMatch(/[^.]; source\.csv\.quote sets it\.$/);
  });

  test('name the line on which an open quote starts', () => {
    expect(read('merchant,customer,gender,amount\nM,C,F,1\nM,"C\n\n').fault).toMatchObject({
      reason: 'bad_quoting',
      detail: expect.stringContaining('starts on line 3') as string,
    });
  });
});

describe('what is needed', () => {
  test('of chunks are all dimensions, the amount, and the weight if it is theirs', () => {
    const names = (weight: 'none' | 'column' | 'amount' | 'reference') => {
      const needs = needsOf({ ...auto, layout: presetLayout(weight), columns: { customer: 'cust', amount: 'sum' } });
      return [...needs.dimensions.map(({ header }) => header), needs.amount, needs.weight, needs.fed[0]?.measures.length];
    };
    expect(names('none')).toEqual(['merchant', 'cust', 'gender', 'sum', 'none', 4]);
    expect(names('column')).toEqual(['merchant', 'cust', 'gender', 'sum', 'column', 6]);
    expect(names('amount')).toEqual(['merchant', 'cust', 'gender', 'sum', 'amount', 6]);
    expect(names('reference')).toEqual(['merchant', 'cust', 'gender', 'sum', 'none', 4]);
  });

  test('of the reference are the dimensions of the grains that have weights, and the weight', () => {
    const layout = {
      ...presetLayout('reference'),
      grains: [
        ...presetLayout('reference').grains.slice(0, 0),
        grain('merchant', [0], [{ kind: 'sum', of: 'weight', filter: null }], 0),
        grain('customer', [1], [], 1),
      ],
    };
    const needs = needsOf({ ...auto, layout, columns: referenceColumns, reference: true });
    expect(needs).toMatchObject({ dimensions: [{ header: 'Target' }], amount: null, weight: 'column', weightHeader: 'Weight' });
    expect(needs.fed).toEqual([{ index: 0, dimensions: [0], measures: [1] }]);
  });

  test('of the reference can be no weight with a filter', () => {
    const layout = { ...presetLayout('reference'), grains: [grain('merchant', [0], [{ kind: 'sum', of: 'weight', filter: 0 }], 0)] };
    expect(() => needsOf({ ...auto, layout, reference: true })).toThrow('no filter on a weight of the reference');
  });
});
