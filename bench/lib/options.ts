/** What can be said to a bench on the command line. */
export interface BenchOptions {
  /** Runs of ours, each against the reference. */
  readonly pairs: number;
  /** Small, to see that it works: its figures mean nothing. */
  readonly quick: boolean;
  /** Of a state in pairs, of a structure in members; null: the sizes of the bench. */
  readonly sizes: readonly number[] | null;
  /** Of the large chunk. */
  readonly rows: number | null;
  /** Pairs in the state that is started with. */
  readonly pairsInState: number | null;
}

/** `100k,1M` -> [100000, 1000000], `0` -> none; null where it is neither. */
export function parseSizes(text: string): readonly number[] | null {
  if (text === '0') return [];
  const sizes = text.split(',').map(parseSize);
  return sizes.includes(null) ? null : (sizes as number[]);
}

export function parseSize(text: string): number | null {
  const found = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text.trim());
  if (found === null) return null;
  const size = Number(found[1]) * { '': 1, k: 1e3, M: 1e6 }[found[2] as '' | 'k' | 'M'];
  return Number.isSafeInteger(size) && size > 0 ? size : null;
}

export function sizeText(size: number): string {
  if (size >= 1e6 && size % 1e5 === 0) return `${size / 1e6}M`;
  return size >= 1e3 && size % 100 === 0 ? `${size / 1e3}k` : String(size);
}

/** What to type for the same. */
export function commandText(bench: string, { quick, ...options }: Partial<BenchOptions>): string {
  const { pairs, sizes, rows, pairsInState } = options;
  const parts = [
    pairs === undefined ? '' : `--pairs ${pairs}`,
    sizes === undefined || sizes === null ? '' : `--sizes ${sizes.map(sizeText).join(',')}`,
    rows === undefined || rows === null ? '' : `--rows ${sizeText(rows)}`,
    pairsInState === undefined || pairsInState === null ? '' : `--pairs-in-state ${sizeText(pairsInState)}`,
    quick === true ? '--quick' : '',
  ];
  return ['npm run bench --', bench, ...parts.filter((part) => part !== '')].join(' ');
}
