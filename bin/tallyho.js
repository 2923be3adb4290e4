#!/usr/bin/env node
// Written for any Node, so that an old one gets a sentence instead of a syntax error.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const wanted = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).engines.node.replace('>=', '');
const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const main = new URL('../dist/bundle/main.js', import.meta.url);

if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
  console.error('tallyho needs Node.js ' + wanted + ' or newer; this is ' + process.versions.node + ' (' + process.execPath + ').');
  process.exitCode = 2;
} else if (!existsSync(main)) {
  console.error('tallyho is not built (' + fileURLToPath(main) + ' is missing). Run: npm run build');
  process.exitCode = 2;
} else {
  await import(main.href);
}
