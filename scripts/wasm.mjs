/**
 * Compiles wasm/ (AssemblyScript) to src/reader/wasm/binary.ts, which is committed: so the sources run as they are, without
 * a step before, in tests, tsx and type checks. Without --write it only says whether the committed one is that of the sources.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'src', 'reader', 'wasm', 'binary.ts');
// As a program: imported, its types of the standard library would replace TypeScript's in the whole project.
const compiler = join(root, 'node_modules', 'assemblyscript', 'bin', 'asc.js');

/** The text of binary.ts. */
export function compile() {
  const folder = mkdtempSync(join(tmpdir(), 'tallyho-wasm-'));
  try {
    const file = join(folder, 'reader.wasm');
    const options = ['--runtime', 'stub', '-O3', '--noAssert', '--enable', 'simd', '--use', 'abort=', '--outFile', file];
    execFileSync(process.execPath, [compiler, 'wasm/index.ts', ...options], { cwd: root, stdio: 'inherit' });
    const text = readFileSync(file).toString('base64');
    return `/** Made by scripts/wasm.mjs from wasm/: \`npm run fix\` makes it anew. */\nexport const binary: string =\n  '${text}';\n`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = compile();
  if (process.argv.includes('--write')) writeFileSync(target, made);
  else if (made !== readFileSync(target, 'utf8')) {
    console.error('src/reader/wasm/binary.ts is not what wasm/ compiles to; `npm run fix` makes it anew.');
    process.exitCode = 1;
  }
}
