import { execFile } from 'node:child_process';
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

let folder: string;

beforeEach(() => {
  folder = makeTempFolder('bundle');
  copyFileSync(fileURLToPath(new URL('../../scripts/run-bundle.cjs', import.meta.url)), join(folder, 'program.js'));
  writeFileSync(join(folder, 'program.code.js'), '(function(exports,require,module,moduleUrl){console.log("it ran")})');
});
afterEach(() => removeFolder(folder));

async function run(): Promise<string> {
  return (await promisify(execFile)(process.execPath, [join(folder, 'program.js')])).stdout;
}

const caches = (): string[] => readdirSync(folder).filter((name) => name.includes('.cache'));

test('a program without a code cache makes one as it ends, whole, however many run at once', async () => {
  expect(await Promise.all(Array.from({ length: 4 }, run))).toEqual(Array.from({ length: 4 }, () => 'it ran\n'));
  expect(caches()).toEqual([`program.${process.version}-${process.platform}-${process.arch}.cache`]);
  expect(await run()).toBe('it ran\n');
});

test('a code cache that is cut off is not used', async () => {
  await run();
  const [cache = ''] = caches();
  writeFileSync(join(folder, cache), 'cut off');
  expect(await run()).toBe('it ran\n');
});
