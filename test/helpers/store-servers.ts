import { testServerMissing } from './test-server.ts';

/** Why tests on this server are skipped; where TALLYHO_REQUIRE asks for it, they run, and fail. */
export function missingServer(major: 18 | 14): string | undefined {
  const required = (process.env['TALLYHO_REQUIRE'] ?? '').split(',').map((name) => name.trim());
  return required.includes('all') || required.includes(`postgres-${major}`) ? undefined : testServerMissing(major);
}
