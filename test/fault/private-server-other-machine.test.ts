/**
 * PROTOCOL 5.1: on a network disk the lock may not reach from one machine to another, so a state that another machine did not
 * close is refused until somebody says that nothing runs there any more. The disk here is a local one that is taken for a network disk.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makePrivateStore } from '../../src/cli/private-store.ts';
import { isNetworkDisk } from '../../src/store/private-server/network-disk.ts';
import type { Store } from '../../src/store/store.ts';
import { kill, makePlace, type Place, processesOf, until } from '../helpers/private-server-world.ts';

vi.mock('../../src/store/private-server/network-disk.ts', () => ({ isNetworkDisk: vi.fn(async () => true) }));

let place: Place;
const stores: Store[] = [];

beforeEach((context) => {
  if (process.platform !== 'linux') context.skip('looks into /proc');
  place = makePlace();
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  await place.remove();
});

function openStore(takeOver: boolean): Store {
  const store = makePrivateStore({
    folder: place.state,
    pipeline: 'shop',
    keepDeltas: 10,
    readOnly: false,
    onProgress: () => undefined,
    takeOver,
    signal: undefined,
  });
  stores.push(store);
  return store;
}

const claim = { waitMs: 0, signal: new AbortController().signal, onLeaseTrouble: () => undefined };

test('PROTOCOL 5.1: a state on a network disk that another machine did not close is refused by its name, until it is taken over', async () => {
  // Made here, and killed: its door stays.
  const first = openStore(false);
  await (await first.claim(claim)).release();
  const door = join(place.state, 'server.json');
  const kept = readFileSync(door, 'utf8');
  await stores.pop()?.close();
  for (const { pid } of processesOf(place.state)) kill(pid);
  await until(() => processesOf(place.state).length === 0, 'all to be gone');
  writeFileSync(door, JSON.stringify({ ...(JSON.parse(kept) as object), machine: `not-${hostname()}` }));

  const refused = openStore(false);
  await expect(refused.pipeline()).rejects.toMatchObject({
    code: 'STATE_UNREACHABLE',
    message: expect.stringContaining(`not-${hostname()}`) as unknown,
    mend: expect.stringContaining('--take-over-state') as unknown,
  });
  expect(vi.mocked(isNetworkDisk)).toHaveBeenCalled();
  expect(processesOf(place.state).filter(({ kind }) => kind === 'postmaster')).toEqual([]);
  await until(() => processesOf(place.state).length === 0, 'the one that would have supervised to be gone');

  const taken = openStore(true);
  const writer = await taken.claim(claim);
  expect(writer.pipeline).toMatchObject({ lastSequence: 0 });
  await writer.release();
  expect(JSON.parse(readFileSync(door, 'utf8'))).toMatchObject({ machine: hostname() });
});
