/** A server for the tests of a file, and a world for each of them. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { makeWorld, type Run, type World } from './pipeline-world.ts';
import { startTestServer, type TestServer } from './test-server.ts';

export interface UsedWorld {
  /** That of the test that runs. */
  readonly world: World;
  readonly url: () => string;
  readonly server: () => TestServer;
  /** The state is what a fresh pipeline makes of these chunks alone (law 1: the contents in force). */
  readonly expectInForce: (chunks: Readonly<Record<string, string>>, run?: Run) => Promise<void>;
}

export function useWorld(defaults: Run = {}, ofFresh: Run = defaults): UsedWorld {
  let server: TestServer;
  let url = '';
  let current: World | null = null;
  beforeAll(async () => {
    server = await startTestServer();
    url = await server.createDatabase();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    current = await makeWorld(url, defaults);
  });
  afterEach(() => current?.close());
  const world = new Proxy({} as World, {
    get: (_, name) => Reflect.get(current ?? expect.unreachable('a world is there while a test runs'), name) as unknown,
  });
  return {
    world,
    url: () => url,
    server: () => server,
    async expectInForce(chunks, run = {}) {
      const fresh = await makeWorld(url, ofFresh);
      try {
        for (const [key, text] of Object.entries(chunks)) fresh.put(key, text);
        await fresh.run(run);
        expect(await world.statistics(run)).toEqual(await fresh.statistics(run));
      } finally {
        await fresh.close();
      }
    },
  };
}
