/**
 * A process that runs a pipeline and then does nothing more, started by tests:
 *   pipeline-runner URL NAME SOURCE SINK STOP [once]
 * Stops itself after STOP evaluated chunks. Ends by itself if nothing is left open. Prints its summary as JSON.
 */
import { runPipeline } from '../../src/pipeline/run.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testOptions } from './pipeline.ts';
import { somePatterns } from './pipeline-patterns.ts';

const [url = '', name = '', source = '', sink = '', stopAt = '', once] = process.argv.slice(2);
const stop = new AbortController();
let evaluated = 0;
const store = await openPostgresStore({ connection: { url }, pipeline: name });
const options = testOptions({
  name,
  store,
  source,
  sink,
  patterns: somePatterns,
  on(event) {
    if (event.kind === 'evaluated' && ++evaluated >= Number(stopAt)) stop.abort();
    if (event.kind === 'idle') stop.abort();
  },
});
const summary = await runPipeline(options, { once: once === 'once', signal: stop.signal });
await options.engine.close();
await store.close();
process.stdout.write(JSON.stringify({ ...summary, evaluated }));
