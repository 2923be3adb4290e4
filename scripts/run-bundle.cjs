'use strict';
/**
 * Runs the bundle that lies beside this file: `NAME.js`, a copy of it, runs `NAME.code.js`.
 *
 * Compiling the program costs as much as a short command's whole work, so what V8 makes of it is kept in
 * `NAME.<Node's version>-<system>.cache`. V8 itself refuses a cache that is not of exactly this V8, its flags and this
 * source's length (the build makes both anew, together); then, or without one, the source is compiled as ever.
 *
 * The build makes the cache for its own Node. Under another Node the first run makes one as it ends, where it may write
 * here; that it may not is no error. A cache comes into being by rename, so one that is there is whole.
 */
const { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

/** @param {string} name */
function filesOf(name) {
  const cache = `${name}.${process.version}-${process.platform}-${process.arch}.cache`;
  return { code: path.join(__dirname, `${name}.code.js`), cache: path.join(__dirname, cache) };
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/**
 * Of all functions, not only of those that were needed so far: V8 compiles them when they are first called. V8 does not
 * check what a cache holds, and a damaged one ends every start. So each is written by one process alone, and is on the disk
 * before it gets its name. Where none can be written, nothing is compiled for it.
 * @param {string} name
 */
function makeCache(name) {
  const { code, cache } = filesOf(name);
  const fresh = `${cache}.${process.pid}-${Date.now()}`;
  const file = openSync(fresh, 'wx');
  try {
    try {
      writeFileSync(file, compiled(code));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, cache);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

/** @param {string} code */
function compiled(code) {
  setFlagsFromString('--no-lazy');
  setFlagsFromString('--no-compilation-cache');
  const script = new Script(readFileSync(code, 'latin1'), { filename: code });
  // The flags are part of what a cache is made for.
  setFlagsFromString('--lazy');
  setFlagsFromString('--compilation-cache');
  return script.createCachedData();
}

/** @param {string} name */
function run(name) {
  const { code, cache } = filesOf(name);
  const cachedData = readIfThere(cache);
  // The bundle is ASCII: one byte a character.
  const script = new Script(readFileSync(code, 'latin1'), { filename: code, ...(cachedData === undefined ? {} : { cachedData }) });
  // Not in a thread: the flags for compiling are those of the process.
  if (cachedData === undefined && require('node:worker_threads').isMainThread) {
    process.once('exit', () => {
      try {
        makeCache(name);
      } catch {
        // Not ours to write: every start costs a little more.
      }
    });
  }
  const program = /** @type {(...given: unknown[]) => void} */ (script.runInThisContext());
  program(exports, require, module, pathToFileURL(__filename).href);
}

// Required by the build, it only lends its function.
if (__filename.endsWith('run-bundle.js')) module.exports = { makeCache };
else run(/([^/\\]+)\.js$/.exec(__filename)?.[1] ?? '');
