/** The entry: `bin/tallyho.js` imports it. Runs one command, and ends with its exit code. */
import { endQuietlyWithoutReader } from './output.ts';
import { runProgram } from './program.ts';

endQuietlyWithoutReader();
process.exitCode = await runProgram(process.argv.slice(2), process.env);
// A forgotten handle must not keep a finished command alive; stdout has been written by then.
setTimeout(() => process.exit(), 3000).unref();
