/** The entry: `bin/tallyho.js` imports it. Runs one command, and ends with its exit code. */
import { isDebugging } from '../config/environment.ts';
import { endQuietlyWithoutReader, say } from './output.ts';
import { runProgram } from './program.ts';
import { exitCodeOf, showError } from './show-error.ts';

endQuietlyWithoutReader();
// Of the Node that later releases of the AWS SDK will need: the one that comes along is pinned.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
// What nobody waited for: a bug, and told like any other error.
process.on('uncaughtException', (error) => {
  say(showError(error, isDebugging(process.env)));
  process.exit(exitCodeOf(error));
});
void main();

// No top-level await: this is bundled as CommonJS, which loads without Node's loader of ES modules (scripts/build.mjs).
async function main(): Promise<void> {
  process.exitCode = await runProgram(process.argv.slice(2), process.env);
  // A forgotten handle must not keep a finished command alive; stdout has been written by then.
  setTimeout(() => process.exit(), 3000).unref();
}
