/** The peers of the bench do the same work as Tallyho: their detections after every chunk are those of the oracle. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Detections, detectionsOfPeer } from '../../bench/peers/detections.ts';
import { expectedDetections } from '../../bench/peers/expected.ts';
import { buildPeers, type PeerName, type PeerProgram, peerPrograms } from '../../bench/peers/programs.ts';
import type { ChunkLine } from '../../bench/peers/programs/peer.ts';
import { peerCommand } from '../../bench/peers/run-peer.ts';
import { runTimed } from '../../bench/lib/timed-command.ts';
import { bankSimChunks, type ChunkFiles, writeChunks } from '../helpers/banksim-chunks.ts';
import { makeRandom } from '../helpers/dataset/random.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

let server: TestServer;
let world: string;
let files: Readonly<Record<PeerName, string>>;

beforeAll(async () => {
  [server, files] = await Promise.all([startTestServer(), buildPeers()]);
  world = makeTempFolder('peers');
});
afterAll(async () => {
  await server.close();
  removeFolder(world);
});

/** Few amounts and counts, so that many tie at every cut; past the gate at once, then cohorts grow through all sizes from 8 to 70. */
function tiedChunks(seed: number): ChunkFiles {
  const random = makeRandom(seed);
  const header = 'step,customer,age,gender,zipcodeOri,merchant,zipMerchant,category,amount,fraud\n';
  const chunk = (i: number): Buffer => {
    const rows = Array.from({ length: i === 0 ? 1200 : 20 }, () => {
      const customer = random.below(8 + i);
      const gender = customer % 9 === 0 ? 'U' : customer % 5 < 2 ? 'F' : 'M';
      const amount = 1 + random.below(1 + (customer % 3));
      return `0,'C${customer}','1','${gender}','1','M${random.below(2)}','1','es_food',${amount}.5,0\n`;
    });
    return Buffer.from(header + rows.join(''));
  };
  return { header, chunks: Array.from({ length: 62 }, (_, i) => chunk(i)) };
}

const worlds: readonly { readonly name: string; readonly make: () => ChunkFiles }[] = [
  { name: 'BankSim-shaped', make: () => bankSimChunks({ seed: 3, rows: 4000, chunkRows: 400 }) },
  { name: 'many ties', make: () => tiedChunks(11) },
];

describe.each(worlds)('$name', ({ name, make }) => {
  let input: string;
  let half: string;
  let chunks: number;
  let expected: Detections;

  beforeAll(async () => {
    const made = make();
    input = join(world, name);
    half = join(world, `${name}, half`);
    chunks = made.chunks.length;
    writeChunks(input, made);
    writeChunks(half, { ...made, chunks: made.chunks.slice(0, chunks / 2) });
    expected = await expectedDetections(
      input,
      Array.from({ length: chunks }, (_, i) => `chunk_${i}.csv`),
      'sample',
    );
  });

  test('the data makes every pattern true, in more than one chunk', () => {
    const found = new Set(expected.map((line) => line.split(' ').slice(0, 2).join(' ')));
    for (const pattern of ['PatId1', 'PatId2', 'PatId3']) {
      expect([...found].filter((line) => line.endsWith(pattern)).length, pattern).toBeGreaterThan(pattern === 'PatId3' ? 0 : 1);
    }
  });

  test.each(peerPrograms)('$title: the detections of every chunk are those of the oracle, also after a restart', async (program) => {
    const run = await peerIn(program, join(world, `${name}, ${program.name}`));
    expect(await run(half)).toBe(chunks / 2);
    expect(await run(input), 'chunks of the second life').toBe(chunks - chunks / 2);
    expect(await run(input), 'nothing is applied twice').toBe(0);
    expect(run.found()).toEqual(expected);
  });
});

interface PeerRun {
  /** The number of chunks that it took. */
  (input: string): Promise<number>;
  found(): Detections;
}

async function peerIn(program: PeerProgram, folder: string): Promise<PeerRun> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const state = program.state === 'file' ? join(folder, 'state.duckdb') : await server.createDatabase();
  const place = { folder, state, output: join(folder, 'output'), postmaster: null };
  const run = async (input: string): Promise<number> => {
    const { code, stdout, stderr } = await runTimed(peerCommand(files[program.name], place, input, 'sample'), { cwd: folder });
    expect(stderr.trim()).toBe('');
    expect(code).toBe(0);
    const lines = stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as ChunkLine).length;
  };
  return Object.assign(run, { found: () => detectionsOfPeer(place.output) });
}
