/**
 * `npm run bench -- [name...] [options]`: measures, prints, and writes bench/results/<name>.json. `report` makes
 * docs/performance.md of these. Without a name: catch-up.
 */
import { parseArgs } from 'node:util';
import { build } from '../scripts/prepare.mjs';
import { profileCatchUp } from './catch-up/profile.ts';
import { type BenchOptions, parseSize, parseSizes } from './lib/options.ts';
import { resultPath, resultText, writeResult } from './lib/result.ts';
import { removeStates } from './lib/state.ts';
import { benches } from './benches.ts';
import { writeReport } from './report.ts';

const usage = `npm run bench -- [name...] [options]
  names: ${Object.keys(benches).join(', ')} (default: catch-up), all,
         profile (where catch-up spends its CPU), report (docs/performance.md)
  --pairs N            runs of ours, each against the reference (default 7)
  --sizes 100k,1M,10M  chunk, peers: pairs in the state (peers: 0 for none); cohort, ranks: members
  --rows N             large: rows of the chunk (default 20M)
  --pairs-in-state N   start: pairs in the state (default 10M)
  --quick              small sizes, few runs: to see that it works; nothing is written
  --dry                print only; the committed results stay as they are`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string' },
    sizes: { type: 'string' },
    rows: { type: 'string' },
    'pairs-in-state': { type: 'string' },
    quick: { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const { quick } = values;
const options: BenchOptions = {
  pairs: Number(values.pairs ?? (quick ? 2 : 7)),
  quick,
  sizes: given(values.sizes, 'sizes', parseSizes),
  rows: given(values.rows, 'rows', parseSize),
  pairsInState: given(values['pairs-in-state'], 'pairs-in-state', parseSize),
};
const asked = positionals.length === 0 ? ['catch-up'] : positionals;
const names = asked.flatMap((name) => (name === 'all' ? Object.keys(benches) : [name]));
const unknown = names.find((name) => !(name in benches) && name !== 'report' && name !== 'profile');

if (values.help) leave(usage, 0);
if (unknown !== undefined) leave(`There is no bench ${unknown}.\n${usage}`, 2);
if (!Number.isInteger(options.pairs) || options.pairs < 1) leave(usage, 2);
if (!(await build())) process.exit(1);
try {
  for (const name of names) await run(name);
} finally {
  await removeStates();
}

async function run(name: string): Promise<void> {
  if (name === 'report') return console.log(await writeReport());
  if (name === 'profile') return console.log(await profileCatchUp());
  const result = await benches[name]!(options);
  console.log(`\n${name}\n${resultText(result)}`);
  if (values.dry || quick) return;
  await writeResult(result);
  console.log(`\nWritten: ${resultPath(name)}`);
}

function given<T>(text: string | undefined, name: string, parse: (text: string) => T | null): T | null {
  const value = text === undefined ? null : parse(text);
  if (text !== undefined && value === null) leave(`--${name}: ${text} is no size; write 100000, 100k or 10M.`, 2);
  return value;
}

function leave(text: string, code: number): never {
  console.error(text);
  process.exit(code);
}
