/** `npm start`: everything that is needed for the demo, then the demo. Arguments go to `tallyho demo`. */
import { join } from 'node:path';
import { build, checkNode, install, root, run } from './prepare.mjs';

checkNode();
await install();
if (!(await build())) process.exit(1);
process.exitCode = await run(process.execPath, [join(root, 'bin', 'tallyho.js'), 'demo', ...process.argv.slice(2)]);
