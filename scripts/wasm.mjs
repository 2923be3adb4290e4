/**
 * Compiles wasm/ (AssemblyScript) to src/reader/wasm/binary.ts, which is committed: so the sources run as they are, without
 * a step before, in tests, tsx and type checks. Without --write it only says whether the committed one is that of the sources.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'src', 'reader', 'wasm', 'binary.ts');

/** The text of binary.ts. */
export async function compile() {
  /** @type {Uint8Array | null} */
  let bytes = null;
  const options = ['--runtime', 'stub', '-O3', '--noAssert', '--enable', 'simd', '--use', 'abort=', '--outFile', 'reader.wasm'];
  const { error, stderr } = await asc.main(['index.ts', '--baseDir', join(root, 'wasm'), ...options], {
    writeFile: (name, contents) => {
      if (name === 'reader.wasm' && typeof contents !== 'string') bytes = contents;
    },
  });
  if (error !== null || bytes === null) throw new Error(`wasm/ does not compile:\n${stderr.toString()}`);
  return `/** Made by scripts/wasm.mjs from wasm/: \`npm run fix\` makes it anew. */\nexport const binary =\n  '${Buffer.from(bytes).toString('base64')}';\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = await compile();
  if (process.argv.includes('--write')) writeFileSync(target, made);
  else if (made !== readFileSync(target, 'utf8')) {
    console.error('src/reader/wasm/binary.ts is not what wasm/ compiles to; `npm run fix` makes it anew.');
    process.exitCode = 1;
  }
}
