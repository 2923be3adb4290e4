#!/usr/bin/env node
// Written for any Node, so that an old one gets a sentence instead of a syntax error; and CommonJS (package.json beside
// it), because starting Node's loader of ES modules costs a short command a tenth of its time.
const { existsSync, readFileSync } = require('node:fs');
const path = require('node:path');

const wanted = JSON.parse(readFileSync(path.join(__dirname, '..', 'package.json'), 'utf8')).engines.node.replace('>=', '');
const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const main = path.join(__dirname, '..', 'dist', 'bundle', 'main.js');

if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
  console.error('tallyho needs Node.js ' + wanted + ' or newer; this is ' + process.versions.node + ' (' + process.execPath + ').');
  process.exitCode = 2;
} else if (!existsSync(main)) {
  console.error('tallyho is not built (' + main + ' is missing). Run: npm run build');
  process.exitCode = 2;
} else {
  require(main);
}
