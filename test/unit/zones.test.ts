import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { zones } from '../../oxlint.config.mjs';

/**
 * One lint run over a throw-away project in which every zone tries every forbidden thing, and every allowed one.
 * Each file holds one attempt, so that a file with an error is a rule that works.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const names = Object.keys(zones);
const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => ({ from, to })));
const allowed = ({ from, to }: { from: string; to: string }) => zones[from]?.includes(to) ?? false;

const attempts: Record<string, string> = {};
for (const { from, to } of pairs) {
  attempts[`src/${from}/to-${to}.ts`] = `import { x } from '../${to}/x.ts';\nexport const y = x;\n`;
  attempts[`src/${from}/deep/to-${to}.ts`] = `import type { x } from '../../${to}/x.ts';\nexport type Y = typeof x;\n`;
  attempts[`src/${from}/re-export-${to}.ts`] = `export { x } from '../${to}/x.ts';\n`;
}
for (const from of names) {
  attempts[`src/${from}/x.ts`] = 'export const x = 1;\n';
  attempts[`src/${from}/deep/own.ts`] = "import { x } from '../x.ts';\nexport const y = x;\n";
  attempts[`src/${from}/face.ts`] = "import { x } from '../index.ts';\nexport const y = x;\n";
  attempts[`src/${from}/fs.ts`] = "import { readFileSync } from 'node:fs';\nexport const y = readFileSync;\n";
  attempts[`src/${from}/hash.ts`] = "import { createHash } from 'node:crypto';\nexport const y = createHash;\n";
  attempts[`src/${from}/package.ts`] = "import { parse } from 'yaml';\nexport const y = parse;\n";
  attempts[`src/${from}/env.ts`] = "export const y = process.env['HOME'];\n";
  attempts[`src/${from}/exit.ts`] = 'export const y = () => process.exit(1);\n';
  attempts[`src/${from}/clock.ts`] = 'export const y = Date.now();\n';
}
attempts['src/pipeline/time.ts'] = attempts['src/pipeline/clock.ts'] as string;
attempts['src/pipeline/timer.ts'] = "import { setTimeout } from 'node:timers/promises';\nexport const y = setTimeout;\n";
attempts['src/index.ts'] = 'export const x = 1;\n';
attempts['src/cli/main.ts'] = "export const y = process.env['HOME'];\n";
attempts['src/pipeline/ring-a.ts'] = "import { b } from './ring-b.ts';\nexport const a = (): number => b();\n";
attempts['src/pipeline/ring-b.ts'] = "import { a } from './ring-a.ts';\nexport const b = (): number => a();\n";
attempts['src/pipeline/floating.ts'] = 'export function y(): void {\n  Promise.resolve(1);\n}\n';
attempts['src/pipeline/any.ts'] = 'export const y = (x: any): unknown => x;\n';

const claimed = [
  'eslint(no-restricted-imports)',
  'eslint(no-restricted-properties)',
  'import(no-cycle)',
  'typescript(no-floating-promises)',
  'typescript(no-explicit-any)',
];

let folder: string;
const rulesOf = new Map<string, string[]>();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tallyho-zones-'));
  const compilerOptions = { strict: true, module: 'nodenext', target: 'es2023', noEmit: true, allowImportingTsExtensions: true, types: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  // Its globs count from the folder that it lies in.
  copyFileSync(join(root, 'oxlint.config.mjs'), join(folder, 'oxlint.config.mjs'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [path, text] of Object.entries(attempts)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const args = [oxlint, '-c', 'oxlint.config.mjs', '--type-aware', '--format', 'json', 'src'];
  const result = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 });
  const report = JSON.parse(result.stdout) as { diagnostics: { code: string; filename: string }[] };
  // The typed rules complain as well, because the throw-away project has no packages: only what is claimed here counts.
  for (const { code, filename } of report.diagnostics.filter((diagnostic) => claimed.includes(diagnostic.code)))
    rulesOf.set(filename, [...(rulesOf.get(filename) ?? []), code]);
});

afterAll(() => rmSync(folder, { recursive: true }));

const rules = (path: string): string[] => {
  expect(Object.keys(attempts)).toContain(path);
  return (rulesOf.get(path) ?? []).toSorted();
};
const imports = claimed.slice(0, 1);
const properties = claimed.slice(1, 2);

describe('the direction of imports', () => {
  test.each(pairs.filter((pair) => !allowed(pair)))('$from may not import $to', ({ from, to }) => {
    for (const path of [`to-${to}`, `deep/to-${to}`, `re-export-${to}`]) expect(rules(`src/${from}/${path}.ts`), path).toEqual(imports);
  });

  test.each(pairs.filter(allowed))('$from may import $to', ({ from, to }) => {
    for (const path of [`to-${to}`, `deep/to-${to}`, `re-export-${to}`]) expect(rules(`src/${from}/${path}.ts`), path).toEqual([]);
  });

  test.each(names)('%s may import itself, and not the public face', (from) => {
    expect(rules(`src/${from}/deep/own.ts`)).toEqual([]);
    expect(rules(`src/${from}/face.ts`)).toEqual(imports);
  });

  test('never goes in a circle, within a zone either', () => {
    expect(rules('src/pipeline/ring-a.ts')).toEqual(['import(no-cycle)']);
  });
});

describe('the pure zones', () => {
  test.each(names)('%s reads files and the clock only if it is not pure', (from) => {
    const pure = from === 'core' || from === 'patterns';
    expect(rules(`src/${from}/fs.ts`)).toEqual(pure ? imports : []);
    expect(rules(`src/${from}/clock.ts`)).toEqual(pure || from === 'pipeline' ? properties : []);
    expect(rules(`src/${from}/hash.ts`)).toEqual([]);
    expect(rules(`src/${from}/package.ts`)).toEqual(from === 'core' ? imports : []);
  });
});

test('the pipeline waits by the time it is given, so that it can be simulated', () => {
  expect(rules('src/pipeline/timer.ts')).toEqual(imports);
  expect(rules('src/pipeline/time.ts')).toEqual([]);
});

describe('the process', () => {
  test.each(names)('%s: env only in config, exit only in cli', (from) => {
    expect(rules(`src/${from}/env.ts`)).toEqual(from === 'config' ? [] : properties);
    expect(rules(`src/${from}/exit.ts`)).toEqual(from === 'cli' ? [] : properties);
  });

  test('the entry of the cli may read env', () => {
    expect(rules('src/cli/main.ts')).toEqual([]);
  });
});

test('promises are awaited and nothing is any', () => {
  expect(rules('src/pipeline/floating.ts')).toEqual(['typescript(no-floating-promises)']);
  expect(rules('src/pipeline/any.ts')).toEqual(['typescript(no-explicit-any)']);
});
