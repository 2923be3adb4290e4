import { builtinModules } from 'node:module';

/**
 * Lint rules, and the direction of imports as lint errors.
 *
 * zones: a folder of src/ may import itself and what is listed for it, nothing else. The levels are
 *   core <- patterns | reader | objects | spark-connect
 *        <- engine | store | sink | feed | export | verify | generate
 *        <- pipeline <- config | cli | server
 * and siblings never import each other. Two exceptions: cli starts the server, and cli and server read config.
 * test/unit/zones.test.ts proves that each edge that is not listed is an error.
 */
const low = ['core', 'patterns', 'reader', 'objects', 'spark-connect'];
const middle = ['engine', 'store', 'sink', 'feed', 'export', 'verify', 'generate'];

/** @type {Record<string, readonly string[]>} */
export const zones = {
  core: [],
  ...Object.fromEntries(low.slice(1).map((zone) => [zone, ['core']])),
  ...Object.fromEntries(middle.map((zone) => [zone, low])),
  pipeline: [...low, ...middle],
  config: [...low, ...middle, 'pipeline'],
  server: [...low, ...middle, 'pipeline', 'config'],
  cli: [...low, ...middle, 'pipeline', 'config', 'server'],
};

/** Zones without I/O, clock and randomness: these modules of Node, and no others (zlib for its crc32). */
const pure = ['core', 'patterns'];
/** Zones that have the time from outside, so that they can be simulated; one file has the clock. */
const timed = ['pipeline'];
const timers = '^(node:)?timers(/.*)?$';
const pureModules = ['buffer', 'crypto', 'zlib'];
const impureModules = builtinModules.filter((name) => !pureModules.includes(name)).map((name) => name.replace(/^node:/, ''));

const noEnv = {
  object: 'process',
  property: 'env',
  message: 'process.env is read only in src/config (and by the entry, src/cli/main.ts).',
};
const noExit = { object: 'process', property: 'exit', message: 'process.exit is called only in src/cli.' };
const noClock = [
  { object: 'Date', property: 'now', message: 'No clock here: take the time as an argument (src/pipeline: as `time`).' },
  { object: 'performance', property: 'now', message: 'No clock here.' },
  { object: 'Math', property: 'random', message: 'No randomness here.' },
  { object: 'crypto', property: 'randomUUID', message: 'No randomness here.' },
];

/** @param {string} zone */
function importPatterns(zone) {
  const allowed = [zone, ...(zones[zone] ?? [])];
  const forbidden = Object.keys(zones).filter((other) => !allowed.includes(other));
  const patterns = [
    // Only paths that climb can leave a zone; a sub-folder is never named after a zone.
    { regex: `\\.\\./(src/)?(${forbidden.join('|')})/`, message: `src/${zone} may import only: ${allowed.join(', ')}.` },
    { regex: '^(\\.\\./)+(src/)?index\\.ts$', message: 'src/index.ts is the public face: nothing in src imports it.' },
    { regex: '^(\\.\\./)+(test|bench|scripts|bin|web|dist)/', message: 'src imports only src.' },
    { regex: '^(node:)?process$', message: 'Use the global process: its env and exit are guarded.' },
  ];
  if (pure.includes(zone)) {
    patterns.push({
      regex: `^(node:)?(${impureModules.join('|')})(/.*)?$`,
      message: `src/${zone} does no I/O: of Node only ${pureModules.join(', ')}.`,
    });
  }
  if (timed.includes(zone))
    patterns.push({ regex: timers, message: 'Wait by `time` (src/pipeline/time.ts), so that it can be simulated.' });
  if (zone === 'core') patterns.push({ regex: '^[^.:][^:]*$', message: 'src/core imports no package.' });
  // A zone on the lowest level of all has nothing forbidden below it; an empty alternation would match everything.
  return forbidden.length === 0 ? patterns.slice(1) : patterns;
}

/** @param {string} zone */
function zoneRules(zone) {
  const properties = [
    ...(zone === 'config' ? [] : [noEnv]),
    ...(zone === 'cli' ? [] : [noExit]),
    ...([...pure, ...timed].includes(zone) ? noClock : []),
  ];
  return {
    files: [`src/${zone}/**/*.ts`],
    rules: {
      'no-restricted-imports': ['error', { patterns: importPatterns(zone) }],
      'no-restricted-properties': ['error', ...properties],
    },
  };
}

export default {
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'node', 'promise'],
  categories: { correctness: 'error', suspicious: 'error' },
  env: { node: true, es2023: true },
  // wasm/ is AssemblyScript: its compiler checks its types, which are none of TypeScript's.
  ignorePatterns: ['wasm/**', 'dist/**', 'coverage/**', 'test/fixtures/**', 'web/dist/**'],
  rules: {
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/await-thenable': 'error',
    'typescript/return-await': ['error', 'error-handling-correctness-only'],
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'off',
    'typescript/no-unsafe-argument': 'error',
    'typescript/no-unsafe-assignment': 'error',
    'typescript/no-unsafe-call': 'error',
    'typescript/no-unsafe-member-access': 'error',
    'typescript/no-unsafe-return': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/prefer-promise-reject-errors': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/consistent-type-imports': 'error',
    'typescript/ban-ts-comment': 'error',
    'import/no-cycle': 'error',
    eqeqeq: 'error',
    'no-var': 'error',
    'prefer-const': 'error',
    'no-restricted-properties': ['error', noEnv, noExit],
    // Suspicious rules that fight clear code here.
    'no-shadow': 'off',
    'no-await-in-loop': 'off',
    'import/no-unassigned-import': 'off',
    'import/no-named-as-default': 'off',
    'import/no-named-as-default-member': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'unicorn/no-array-sort': 'off',
    'unicorn/no-array-reverse': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/no-new-array': 'off',
    // For windows of a browser; threads have no origins.
    'unicorn/require-post-message-target-origin': 'off',
  },
  overrides: [
    ...Object.keys(zones).map(zoneRules),
    { files: ['src/cli/main.ts'], rules: { 'no-restricted-properties': 'off' } },
    { files: ['src/pipeline/time.ts'], rules: { 'no-restricted-properties': 'off', 'no-restricted-imports': 'off' } },
    {
      files: ['test/**', 'bench/**', 'simulate/**', 'scripts/**', 'bin/**', 'vitest.config.ts', 'oxlint.config.mjs'],
      rules: { 'no-restricted-properties': 'off', 'no-console': 'off' },
    },
    {
      files: ['scripts/**/*.mjs', 'bin/**', 'oxlint.config.mjs', 'test/**/*.mjs'],
      rules: Object.fromEntries(
        ['argument', 'assignment', 'call', 'member-access', 'return'].map((x) => [`typescript/no-unsafe-${x}`, 'off']),
      ),
    },
  ],
};
