/**
 * The compiled module (binary.ts, from the sources in wasm/) and its instances. What each export does is said in
 * wasm/index.ts; addresses come out as signed words.
 */
import { binary } from './binary.ts';

type Address = number;

export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly readRows: { readonly value: number };
  readonly blankLines: { readonly value: number };
  readonly full: { readonly value: number };
  readonly totalAmount: { readonly value: bigint };
  readonly totalWeight: { readonly value: bigint };
  room(bytes: number): Address;
  make(dimensions: number, keys: number, tables: number, words: number, reference: boolean): number;
  addKey(dimension: number): number;
  addGrain(keys: number, dimensions: Address, measures: number): Address;
  feed(table: Address, index: number, term: number, filter: number): void;
  addTextTests(dimension: number, count: number, words: number): Address;
  addText(tests: Address, at: Address, length: number): number;
  masksOf(tests: Address): Address;
  addNumberTest(ofWeight: boolean, low: bigint, high: bigint, negated: boolean, word: number, clear: number): number;
  usePart(
    quote: number,
    delimiter: number,
    last: number,
    amount: number,
    weight: number,
    weightIsAmount: boolean,
    scale: number,
    whole: number,
  ): number;
  useColumn(dimension: number, column: number): void;
  needColumn(column: number): void;
  setField(dimension: number, start: Address, end: Address): void;
  read(from: Address, to: Address, again: boolean): Address;
  regularLines(from: Address, to: Address): number;
  addRow(amount: bigint, weight: bigint, hasWeight: boolean): number;
  clear(): void;
  valueCount(dimension: number): number;
  valueOffsets(dimension: number): Address;
  valueBytes(dimension: number): Address;
  tableSize(table: Address): number;
  rewind(table: Address): void;
  copyKeys(table: Address, i: number, out: Address, most: number): number;
  copySums(table: Address, i: number, out: Address, most: number, exact: boolean): number;
  isWide(table: Address, i: number): number;
}

/** As far as we need it; Node's types have none. */
interface Api {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/** null: not tried yet. */
let compiled: { readonly module: object | null } | null = null;

function compile(api: Api): object | null {
  try {
    return new api.Module(Buffer.from(binary, 'base64'));
  } catch {
    // No SIMD.
    return null;
  }
}

/** A new instance, or null where there is no WebAssembly with vectors, or no memory for it. */
export function instantiate(): Exports | null {
  const api = (globalThis as { readonly WebAssembly?: Api }).WebAssembly;
  if (api === undefined) return null;
  compiled ??= { module: compile(api) };
  if (compiled.module === null) return null;
  try {
    return new api.Instance(compiled.module, {}).exports as Exports;
  } catch {
    return null;
  }
}
