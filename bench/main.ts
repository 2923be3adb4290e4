/**
 * `npm run bench -- [name...] [options]`: measures, prints, and writes bench/results/<name>.json. `report` makes
 * docs/performance.md of these. Without a name: catch-up.
 */
import { parseArgs } from 'node:util';
import { build } from '../scripts/prepare.mjs';
import { benchCatchUp } from './catch-up/catch-up.ts';
import { profileCatchUp } from './catch-up/profile.ts';
import { type Result, resultPath, resultText, writeResult } from './lib/result.ts';
import { benchPeers, type PeersOptions } from './peers/peers.ts';
import { writeReport } from './report.ts';

const benches: Readonly<Record<string, (options: PeersOptions) => Promise<Result>>> = {
  'catch-up': benchCatchUp,
  peers: benchPeers,
};

const usage = `npm run bench -- [name...] [--pairs N] [--dry]
  names: ${Object.keys(benches).join(', ')} (default: catch-up), profile (where catch-up spends its CPU), report (docs/performance.md)
  --pairs N   runs of ours, each against the reference (default 7)
  --sizes N,N peers: pairs in the states for one chunk (default 100000,1000000; 0: none)
  --quick     peers: with little, to see that it works; nothing is written
  --dry       print only; the committed results stay as they are`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: '7' },
    sizes: { type: 'string' },
    quick: { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const names = positionals.length === 0 ? ['catch-up'] : positionals;
const pairs = Number(values.pairs);
const sizes =
  values.sizes
    ?.split(',')
    .map(Number)
    .filter((size) => size !== 0) ?? null;
const unknown = names.find((name) => !(name in benches) && name !== 'report' && name !== 'profile');

if (values.help || unknown !== undefined || !Number.isInteger(pairs) || pairs < 1) {
  console.error(unknown === undefined ? usage : `There is no bench ${unknown}.\n${usage}`);
  process.exit(values.help ? 0 : 2);
}
if (!(await build())) process.exit(1);
for (const name of names) {
  if (name === 'report') {
    console.log(await writeReport());
  } else if (name === 'profile') {
    console.log(await profileCatchUp());
  } else {
    const result = await benches[name]!({ pairs, quick: values.quick, sizes });
    console.log(`\n${name}\n${resultText(result)}`);
    if (!values.dry && !values.quick) {
      await writeResult(result);
      console.log(`\nWritten: ${resultPath(name)}`);
    }
  }
}
