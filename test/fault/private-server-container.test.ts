/**
 * Two containers, or two machines, on one state folder (PROTOCOL.md 5.1): each judges by what it can see, and neither sees
 * the other's processes.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPrivateServer, type PrivateServer } from '../../src/store/private-server/private-server.ts';
import {
  addRow,
  canMakeContainers,
  kill,
  makePlace,
  openersOf,
  pidsOf,
  type Place,
  processesOf,
  startOpenerInContainer,
  until,
} from '../helpers/private-server-world.ts';

let place: Place;
const open: PrivateServer[] = [];

async function openServer(): Promise<PrivateServer> {
  const server = await openPrivateServer({ folder: place.state });
  open.push(server);
  return server;
}

async function closeAll(): Promise<void> {
  for (const server of open.splice(0)) await server.close();
}

beforeEach((context) => {
  if (process.platform !== 'linux') context.skip('looks into /proc');
  place = makePlace();
});

afterEach(async () => {
  await closeAll();
  await place.remove();
});

test('PROTOCOL 5.1: a server in another container, whose supervisor was killed, is shared and ended, never doubled', async (context) => {
  if (!canMakeContainers()) context.skip('needs root and the right to unshare');
  const container = startOpenerInContainer(place.state);
  try {
    await container.opened;
    const before = pidsOf(place.state, 'postmaster');
    expect(before).toHaveLength(1);
    // Its opener too: it would bring a new supervisor.
    for (const pid of [...pidsOf(place.state, 'supervisor'), ...openersOf(place.state)]) kill(pid);
    await until(() => pidsOf(place.state, 'supervisor').length === 0, 'the supervisor to be gone');

    expect(await addRow(await openServer())).toBe(1);
    expect(pidsOf(place.state, 'postmaster')).toEqual(before);
    await until(() => pidsOf(place.state, 'supervisor').length === 1, 'a supervisor here');
    await closeAll();
    // No signal reaches it; it looks for its postmaster.pid once a minute.
    await until(() => processesOf(place.state).length === 0, 'the server to end');
    expect(await addRow(await openServer())).toBe(2);
  } finally {
    kill(container.process.pid);
  }
}, 300_000);

test('while another machine holds the lock and its server is out of reach, the opener says which machine', async () => {
  // As after `docker run` twice on one volume, where the file system knows no sockets.
  expect(await addRow(await openServer())).toBe(1);
  const [postmaster = 0] = pidsOf(place.state, 'postmaster');
  const door = JSON.parse(readFileSync(join(place.state, 'server.json'), 'utf8')) as { socketFolder: string };
  writeFileSync(join(place.state, 'server.json'), JSON.stringify({ ...door, socketFolder: '/nonexistent', machine: `not-${hostname()}` }));
  rmSync(join(place.state, 'postgres', 'data', '.s.PGSQL.5432'));
  await expect(openPrivateServer({ folder: place.state })).rejects.toMatchObject({
    code: 'SERVER_START',
    message: expect.stringContaining(`not-${hostname()}`) as unknown,
  });
  expect(pidsOf(place.state, 'postmaster')).toEqual([postmaster]);
});
