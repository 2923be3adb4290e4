/** To write the file anew: WRITE_SCHEMA=1 npx vitest run test/unit/config-schema.test.ts && npm run fix */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configJsonSchema } from '../../src/config/json-schema.ts';

const file = new URL('../../src/config/tallyho.schema.json', import.meta.url);

test('tallyho.schema.json, by which editors complete, says what the check of the config says', () => {
  const made = `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
  if (process.env['WRITE_SCHEMA'] !== undefined) writeFileSync(file, made);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(made));
});
