/**
 * Laws 1 and 2 with `onChanged: correct` (PROTOCOL 1.4): random sequences of versions of chunks, new ones, changed and changed back,
 * emptied, broken, copies of each other, deleted, through lost commits and rebuilds. After each run the statistics are the aggregate of
 * the contents in force, the detections of every entry are what an evaluation from scratch finds in the contents in force as of it,
 * and every readable content that lies in the source counts exactly once.
 * Rows are made here and evaluated by loops (helpers/oracle/brute.ts): nothing of the pipeline is used to tell what is right.
 * TALLYHO_SEED replays one life, TALLYHO_SEEDS runs more.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { PatternSource } from '../../src/patterns/pattern.ts';
import type { StoredLine } from '../../src/store/store.ts';
import { makeRandom, type Random } from '../helpers/dataset/random.ts';
import { type BruteInput, brute } from '../helpers/oracle/brute.ts';
import { bruteStatistics } from '../helpers/oracle/brute-statistics.ts';
import type { OracleRow } from '../helpers/oracle/database.ts';
import { testPatterns } from '../helpers/pipeline.ts';
import { csv, failing, header, makeWorld, type Run, withWriter, type World } from '../helpers/pipeline-world.ts';
import { readStatistics } from '../helpers/store-readback.ts';
import { startTestServer, type TestServer } from '../helpers/test-server.ts';

const one = process.env['TALLYHO_SEED'];
const count = Number(process.env['TALLYHO_SEEDS'] ?? 10);
const seeds = one === undefined ? Array.from({ length: count }, (_, i) => 9000 + i) : [Number(one)];
const rounds = 8;

/** Conditions that fewer rows make true as well as more. */
const patterns: readonly PatternSource[] = [
  { id: 'Twice', action: 'UP', entity: ['merchant', 'customer'], when: ['count >= 2'] },
  { id: 'Rare', action: 'LOOK', entity: ['merchant', 'customer'], when: ['count = 1', 'merchant.count >= 3'] },
  { id: 'Top', action: 'LOOK', entity: ['merchant', 'customer'], when: ['count in top 40% of merchant', 'merchant.count < 5'] },
  { id: 'Cheap', action: 'LOOK', entity: ['merchant', 'customer'], when: ['avg(amount) in bottom 50% of merchant', 'avg(amount) < 3'] },
  { id: 'Few', action: 'LOOK', entity: ['merchant'], when: ['distinct(customer) < 2', 'distinct(customer where gender = F) = 1'] },
  { id: 'Women', action: 'CARE', entity: ['merchant'], when: ['distinct(customer where gender = F) >= 2'] },
  { id: 'Alone', action: 'LOOK', entity: ['customer'], when: ['sum(amount) in top 20% of all'] },
];

interface Content {
  readonly text: string;
  readonly id: string;
  /** Rows that count; null: the chunk would be quarantined. */
  readonly rows: readonly OracleRow[] | null;
}

let server: TestServer;
let url: string;

beforeAll(async () => {
  server = await startTestServer();
  url = await server.createDatabase();
});
afterAll(() => server.close());

describe('laws 1 and 2: what is in force, and nothing else, counts', () => {
  test.each(seeds)('seed %i', async (seed) => {
    const random = makeRandom(seed);
    const contents = Array.from({ length: 30 }, () => makeContent(random));
    const byId = new Map(contents.map((content) => [content.id, content]));
    const world = await makeWorld(url, { patterns, input: { onChanged: 'correct' } });
    const source = new Map<string, Content>();
    let before = new Map<string, string>();
    const check = async (): Promise<void> => {
      const lines = await world.lines();
      const force = new Map(inForce(lines, null).map(({ key, contentId }) => [key, contentId ?? '']));
      checkForce(source, before, force);
      await checkStatistics(world, { scale: 2, rows: rowsOf(inForce(lines, null), byId), reference: null });
      await checkDetections(world, lines, byId);
      before = force;
    };
    try {
      for (let round = 0; round < rounds; round++) {
        for (let i = random.below(4); i >= 0; i--) disturb(random, world, source, contents);
        await world.run({ commitChunks: random.pick([null, 1, 3]), ...(random.chance(0.4) ? lostCommit(random) : {}) });
        if (random.chance(0.15)) await rebuild(world);
        await check();
      }
      // Whatever came before, in the end there is one.
      for (const last of lastContents) {
        byId.set(last.id, last);
        world.put('chunk_0.csv', last.text);
        source.set('chunk_0.csv', last);
        await world.run();
        await check();
      }
      expect((await world.lines()).at(-1)).toMatchObject({ kind: 'correction', key: 'chunk_0.csv', contentId: lastContents[1].id });
    } finally {
      await world.close();
    }
  });
});

/** The lines whose contents count after the entry of this number, or by now. */
function inForce(lines: readonly StoredLine[], asOf: number | null): StoredLine[] {
  const entries = lines.filter(({ sequence }) => sequence !== null && (asOf === null || sequence <= asOf));
  const corrected = new Set(entries.map(({ corrects }) => corrects));
  return entries.filter(({ kind, sequence }) => kind !== 'reevaluation' && !corrected.has(sequence));
}

function rowsOf(lines: readonly StoredLine[], byId: ReadonlyMap<string, Content>): OracleRow[] {
  return lines.flatMap(({ key, contentId }) => byId.get(contentId ?? '')?.rows ?? expect.unreachable(`${key} cannot be in force`));
}

/** What must be in force follows from the source and from what was in force before. */
function checkForce(source: ReadonlyMap<string, Content>, before: ReadonlyMap<string, string>, force: ReadonlyMap<string, string>): void {
  const ids = [...force.values()];
  const filled = ids.filter((id) => id !== emptyId && id !== headerId);
  expect(new Set(filled).size, 'no content counts twice').toBe(filled.length);
  for (const [key, { id, rows }] of source) {
    if (rows === null) expect(force.get(key), `${key} is broken: as before`).toBe(before.get(key));
    else if (rows.length === 0) expect([undefined, id], `${key} is empty`).toContain(force.get(key));
    else if (force.get(key) !== id) {
      expect(ids, `${key} counts under some name`).toContain(id);
      expect(force.get(key), `${key} is a duplicate: as before`).toBe(before.get(key));
    }
  }
  for (const key of before.keys()) if (!source.has(key)) expect(force.get(key), `${key} is deleted: as before`).toBe(before.get(key));
}

async function checkStatistics(world: World, input: BruteInput): Promise<void> {
  const layout = (await world.store.pipeline())?.basis?.layout;
  if (layout === undefined) return;
  for (const [grain, { name }] of layout.grains.entries())
    expect(await readStatistics(world.store, testPatterns({ patterns }), grain), name).toEqual(bruteStatistics(layout, grain, input));
}

async function checkDetections(world: World, lines: readonly StoredLine[], byId: ReadonlyMap<string, Content>): Promise<void> {
  const seen = new Set<string>();
  const expected: string[] = [];
  for (const { sequence } of lines.toSorted((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0))) {
    if (sequence === null) continue;
    const input = { scale: 2, rows: rowsOf(inForce(lines, sequence), byId), reference: null };
    for (const pattern of testPatterns({ patterns })) {
      for (const values of brute(pattern, input)) {
        const found = [pattern.id, ...values].join(' ');
        if (!seen.has(found)) expected.push(`${sequence} ${found}`);
        seen.add(found);
      }
    }
  }
  expect((await world.detections()).sort()).toEqual(expected.sort());
}

async function rebuild(world: World): Promise<void> {
  try {
    await world.rebuild();
  } catch (error) {
    // What is in force may lie in the source no more.
    if (!(error instanceof TallyhoError) || error.code !== 'REBUILD_BLOCKED') throw error;
  }
}

/** One of the first commits fails, before or after it took place. */
function lostCommit(random: Random): Run {
  const at = 1 + random.below(4);
  const when = random.pick(['before', 'after'] as const);
  let calls = 0;
  const lost = (): Error => new TallyhoError(when === 'before' ? 'STORE_UNREACHABLE' : 'STORE_UNKNOWN_COMMIT', 'the line is dead');
  return {
    change: ({ store }) => ({
      store: withWriter(store, (writer) => ({
        commit: async (request) => await failing(writer.commit.bind(writer), ++calls === at ? [1] : [], lost, when)(request),
      })),
    }),
  };
}

function disturb(random: Random, world: World, source: Map<string, Content>, contents: readonly Content[]): void {
  const key = `chunk_${random.below(5)}.csv`;
  if (random.chance(0.1) && source.has(key)) {
    world.remove(key);
    source.delete(key);
    return;
  }
  // Some come again and again: copies of each other, and back to what they were.
  const content = random.pick(random.chance(0.4) ? contents.slice(0, 5) : contents);
  world.put(key, content.text, new Date(Date.now() - 60_000 - random.below(1e6)));
  source.set(key, content);
}

const row = (merchant: string, customer: string): OracleRow => ({ dims: { merchant, customer, gender: 'F' }, amount: 700n, weight: null });
const lastContents = [
  content(csv('M0 C7 7  F'), [row('M0', 'C7')]),
  content(csv('M0 C8 7  F', 'M1 C0 7  F'), [row('M0', 'C8'), row('M1', 'C0')]),
] as const;

const emptyId = idOf('');
const headerId = idOf(csv());

function makeContent(random: Random): Content {
  const kind = random.below(12);
  if (kind === 0) return content('', []);
  if (kind === 1) return content(csv(), []);
  if (kind === 2) return content(`${header}\nM1,C1\n`.replace('customer', 'who'), null);
  const rows = Array.from({ length: 1 + random.below(6) }, () => ({
    merchant: `M${random.below(2)}`,
    customer: `C${random.below(4)}`,
    amount: random.below(5),
    gender: random.pick(['F', 'M']),
  }));
  const texts = rows.map(({ merchant, customer, amount, gender }) => [merchant, customer, amount, '', gender].join(' '));
  // Bad rows: fewer than half, or more.
  const bad = kind === 3 ? rows.length + 1 : kind === 4 ? 1 : 0;
  for (let i = 0; i < bad; i++) texts.push(`M1 C${i} x`);
  const isQuarantined = bad > rows.length;
  const counted = rows.map(({ amount, ...dims }): OracleRow => ({ dims, amount: BigInt(amount) * 100n, weight: null }));
  return content(csv(...texts), isQuarantined ? null : counted);
}

function idOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function content(text: string, rows: readonly OracleRow[] | null): Content {
  return { text, id: idOf(text), rows };
}
