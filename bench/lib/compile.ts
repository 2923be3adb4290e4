/**
 * A module of bench/ as plain JavaScript that imports the built product (dist/), so that a process measures what is
 * shipped: under tsx every closure would carry the cost of keeping its name.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

export interface Compiled {
  readonly path: string;
  remove(): void;
}

const root = resolve(import.meta.dirname, '../..');
const source = join(root, 'src');

/** Below node_modules, so that packages are found, and nothing is committed or published. */
const folder = join(root, 'node_modules', '.cache', 'tallyho-bench');
let made = 0;

export async function compile(module: string): Promise<Compiled> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${basename(module, '.ts')}-${process.pid}-${++made}.mjs`);
  await build({
    entryPoints: [module],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    plugins: [productIsBuilt],
    logLevel: 'error',
  });
  return { path, remove: () => rmSync(path, { force: true }) };
}

const productIsBuilt: Plugin = {
  name: 'product-is-built',
  setup(builder) {
    builder.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const inSource = relative(source, resolve(resolveDir, path));
      if (inSource.startsWith('..')) return undefined;
      return { path: join(root, 'dist', inSource.replace(/\.ts$/, '.js')), external: true };
    });
  },
};
