/**
 * `npm test`: the checks, then the tests. Arguments go to vitest (`npm test -- test/unit`, `npm test -- -t name`).
 * TALLYHO_REQUIRE in the environment turns skipped tests into failures: `all`, or a list of words such as `postgres-14`, which
 * stand in the reason of the skip.
 * Each check counts as one test in the last line.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, checkNode, install, npm, root, run } from './prepare.mjs';
import { installS3Server } from './s3-server.mjs';

checkNode();
await install();
installS3Server();

let passed = 0;
let failed = 0;
/** @type {{ name: string, reason: string }[]} */
let skipped = [];

/** @param {string} name @param {boolean} ok */
function count(name, ok) {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}`);
}

count('build', await build());
for (const check of ['typecheck', 'lint', 'format:check', 'errors:check', 'knip']) {
  const code = await npm(['run', '--silent', check]);
  if (code > 128) process.exit(code);
  count(`npm run ${check}`, code === 0);
}

const folder = mkdtempSync(join(tmpdir(), 'tallyho-test-'));
const file = join(folder, 'summary.json');
const code = await run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...process.argv.slice(2)], {
  env: { ...process.env, TALLYHO_TEST_SUMMARY: file },
});
try {
  const summary = JSON.parse(readFileSync(file, 'utf8'));
  passed += summary.passed;
  failed += summary.failed;
  skipped = summary.skipped;
} catch {
  console.log('vitest ended without a summary.');
}
rmSync(folder, { recursive: true });
if (code !== 0 && failed === 0) failed = 1;

const required = (process.env['TALLYHO_REQUIRE'] ?? '')
  .toLowerCase()
  .split(/[\s,]+/)
  .filter(Boolean);
/** @param {string} reason */
const isRequired = (reason) => required.some((word) => word === 'all' || reason.toLowerCase().includes(word));
const missing = skipped.filter(({ reason }) => isRequired(reason));
failed += missing.length;
skipped = skipped.filter(({ reason }) => !isRequired(reason));
for (const { name, reason } of missing) console.log(`FAILED ${name}: required by TALLYHO_REQUIRE, and skipped (${reason})`);
for (const { name, reason } of skipped) console.log(`skipped: ${name} (${reason})`);
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exitCode = code > 128 ? code : failed > 0 ? 1 : 0;
