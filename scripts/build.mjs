/** Builds dist/ from src/: compiles, copies what is not TypeScript (SQL, templates), and removes what has no source any more. */
import { copyFileSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { buildStamp, root, run } from './prepare.mjs';

const source = join(root, 'src');
const target = join(root, 'dist');

// The time of the stamp is that of the start: a source saved while the compiler runs is newer than it.
const started = new Date();
rmSync(buildStamp, { force: true });
const code = await run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json']);
if (code !== 0) process.exit(code);

/** @param {string} folder */
const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));

const expected = new Set();
for (const file of filesBelow(source)) {
  if (file.endsWith('.ts')) {
    const stem = file.slice(0, -'.ts'.length);
    for (const ending of ['.js', '.js.map', '.d.ts']) expected.add(stem + ending);
  } else {
    expected.add(file);
    mkdirSync(dirname(join(target, file)), { recursive: true });
    copyFileSync(join(source, file), join(target, file));
  }
}
// The dashboard is built into dist/web by its own tool.
for (const file of filesBelow(target)) {
  if (!expected.has(file) && !file.startsWith('web/')) rmSync(join(target, file));
}
writeFileSync(buildStamp, '');
utimesSync(buildStamp, started, started);
