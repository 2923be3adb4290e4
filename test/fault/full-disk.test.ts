/**
 * PROTOCOL 5.4: a disk that fills up under the private server. On a small tmpfs of its own, which only root can make: the run
 * ends with an error and the mend, nothing is lost, and once there is room the next one goes on.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bankSimChunks, writeChunks } from '../helpers/banksim-chunks.ts';
import { type ChunkJson, readTree, tallyho, tallyhoJson } from '../helpers/tallyho.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

const env = { TALLYHO_CLOCK: '2026-11-22T07:30:00.123Z' };
let world: string;
let disk: string;
let mounted = false;

beforeAll(() => {
  world = makeTempFolder('full-disk');
  disk = join(world, 'disk');
  mkdirSync(disk);
  mounted = mount('size=200m,mode=755');
  writeChunks(join(world, 'input'), bankSimChunks({ seed: 9, rows: 100_000, chunkRows: 5_000 }));
});
afterAll(() => {
  if (mounted) execFileSync('umount', ['-l', disk]);
  removeFolder(world);
});

function mount(options: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function makePlace(
  name: string,
  state: string,
  minFree: string,
  source = '../input/',
): { readonly config: string; readonly output: string } {
  const folder = join(world, name);
  mkdirSync(folder);
  const config = join(folder, 'tallyho.yaml');
  const lines = [`source: ${source}`, 'sink: ./output/', `state: ${state}`, `store: { minFree: ${minFree} }`, 'weight: amount'];
  writeFileSync(
    config,
    `${lines.join('\n')}\npatterns: [{ id: P, action: A, entity: [merchant, customer], when: [merchant.count > 5000, count in top 1% of merchant] }]\n`,
  );
  return { config, output: join(folder, 'output') };
}

const run = (config: string): ReturnType<typeof tallyho> => tallyho(['run', '--once', '--commit-chunks', '1', '--config', config], { env });

/** Fills the disk but for so many bytes. */
function fill(left: number): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(Math.max(0, bavail * bsize - left)));
}

test('PROTOCOL 5.4: a full disk ends the run with an error and loses nothing; with room again the next goes on', async (context) => {
  if (!mounted) context.skip('a tmpfs can only be mounted by root, on Linux');
  const whole = makePlace('whole', './state/', '256MiB');
  expect(await run(whole.config)).toMatchObject({ code: 0 });
  const expected = readTree(whole.output);
  expect(expected.size).toBeGreaterThan(4);

  const place = makePlace('full', join(disk, 'state'), '0');
  // The state is made while there is room.
  mkdirSync(join(world, 'nothing'));
  expect(await run(makePlace('first', join(disk, 'state'), '0', '../nothing/').config)).toMatchObject({ code: 0 });
  const codes: number[] = [];
  for (const left of [0, 100_000, 1 << 20, 2 << 20]) {
    fill(left);
    const said = await run(place.config);
    codes.push(said.code);
    if (said.code === 0) continue;
    expect(said.code, said.stderr).toBe(1);
    expect(said.stderr).toMatch(/error \[(STORE_FAILED|STORE_UNREACHABLE|STORE_UNKNOWN_COMMIT|SERVER_START|DISK_LOW|STATE_UNREACHABLE)\]/);
  }
  expect(codes).toContain(1);
  // What was published so far is part of what is expected.
  for (const [key, bytes] of readTree(place.output)) expect(bytes, key).toBe(expected.get(key));
  execFileSync('rm', [join(disk, 'ballast')]);
  const said = await run(place.config);
  expect(said.code, said.stderr).toBe(0);
  expect([...readTree(place.output)]).toEqual([...expected]);
  const ledger = await tallyhoJson<ChunkJson[]>(['chunks', '--config', place.config], { env });
  expect(ledger.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
}, 240_000);

test('below minFree the detector stops before the commit, and says how much room it wants', async (context) => {
  if (!mounted) context.skip('a tmpfs can only be mounted by root, on Linux');
  const place = makePlace('low', join(disk, 'low'), '1GiB');
  const said = await run(place.config);
  expect(said.code).toBe(1);
  expect(said.stderr).toContain('error [DISK_LOW]');
  expect(said.stderr).toContain('minFree');
  expect(readTree(place.output).size).toBe(0);
}, 60_000);
