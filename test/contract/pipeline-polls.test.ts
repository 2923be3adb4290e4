/** How often a bucket is listed. Time is counted here, so nothing depends on how fast the machine is. */
import { afterAll, expect, test } from 'vitest';
import type { Time } from '../../src/pipeline/time.ts';
import { csv, makeWorld, withObjects } from '../helpers/pipeline-world.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

let server: TestServer | undefined;
afterAll(() => server?.close());

test('PROTOCOL 6: between two listings there is the poll, and at least twice what the last listing took', async () => {
  server = await startTestServer();
  const world = await makeWorld(await server.createDatabase());
  const pollMs = 1000;
  let now = 0;
  const time: Time = {
    now: () => Date.now(),
    elapsed: () => now,
    sleep: async (ms, signal) => {
      signal.throwIfAborted();
      now += ms;
      // What else is under way goes on meanwhile.
      await new Promise((go) => setImmediate(go));
    },
  };
  /** What each listing takes: less than the poll, and more. */
  const costs = [5, 900, 700, 3, 60_000, 10, 400, 501, 2];
  const listings: { readonly begin: number; readonly end: number }[] = [];
  const stop = new AbortController();
  try {
    world.put('chunk_1.csv', csv('M1 C1 1'));
    await world.run();
    await world.run({
      once: false,
      signal: stop.signal,
      time,
      input: { pollMs },
      change: ({ source }) => ({
        source: withObjects(source, {
          async *list(signal, under) {
            const begin = now;
            yield* source.list(signal, under);
            now += costs[listings.length] ?? 0;
            listings.push({ begin, end: now });
            if (listings.length === costs.length) stop.abort();
          },
        }),
      }),
    });
  } finally {
    await world.close();
  }
  const pauses = listings.slice(1).map(({ begin }, i) => begin - listings[i]!.end);
  expect(pauses).toEqual(costs.slice(0, -1).map((cost) => Math.max(pollMs, 2 * cost)));
});
