import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import { makeCommitter, type CommitterOptions } from '../../src/pipeline/committer.ts';
import { realTime } from '../../src/pipeline/time.ts';
import type { CommitEntry, CommitRequest } from '../../src/store/store.ts';
import { makeEntry } from '../helpers/store-samples.ts';

/** An entry of that sequence number; null: one that is not applied. */
function entry(sequence: number | null, more: Partial<CommitEntry> = {}): CommitEntry {
  return makeEntry({ key: String(sequence), sequence, outcome: sequence === null ? 'empty' : 'applied' }, more);
}

/** Commits end when they are told to. */
function world(options: Partial<CommitterOptions> = {}) {
  const begun: CommitRequest[] = [];
  const waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  const committed: (number | null)[] = [];
  const committer = makeCommitter({
    lastSequence: 0,
    time: realTime,
    groupSize: () => null,
    commit: (request) => {
      begun.push(request);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    onCommitted: (entries) => committed.push(...entries.map(({ line }) => line.sequence)),
    ...options,
  });
  const end = async (error?: unknown): Promise<void> => {
    const first = waiting.shift();
    if (error === undefined) first?.resolve();
    else first?.reject(error);
    await settled();
  };
  return { committer, begun, committed, waiting, end, sizes: () => begun.map(({ entries }) => entries.length) };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whether a promise has resolved by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => (done = true));
  await settled();
  return done;
}

describe('as they come', () => {
  test('with nothing in flight each entry is a commit of its own, at once', async () => {
    const { committer, begun, end } = world();
    await committer.push(entry(1));
    expect(begun).toHaveLength(1);
    await end();
    await committer.push(entry(2));
    await end();
    expect(begun.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(committer.lastSequence).toBe(2);
  });

  test('what comes while one is in flight is the next', async () => {
    const { committer, end, sizes, committed } = world();
    for (const n of [1, 2, null, 3]) await committer.push(entry(n));
    await end();
    await end();
    expect(sizes()).toEqual([1, 3]);
    expect(committed).toEqual([1, 2, null, 3]);
    expect(committer.lastSequence).toBe(3);
  });

  test('PROTOCOL 3.4: memory is never ahead by more than two commits of 8', async () => {
    const { committer, end, sizes } = world();
    let pushed = 0;
    const pushing = (async () => {
      for (let n = 1; n <= 300; n++) {
        await committer.push(entry(n));
        pushed = n;
      }
    })();
    await settled();
    // One in flight, 7 that were taken, and one more that waits for room.
    expect(pushed).toBe(8);
    while (!(await isDone(pushing))) await end();
    const flushing = committer.flush();
    while (!(await isDone(flushing))) await end();
    expect(sizes()).toEqual([1, ...Array.from({ length: 37 }, () => 8), 3]);
  });

  test('nor by more than 32 MiB: what is bulky goes by itself', async () => {
    const { committer, sizes, end } = world();
    const bulky = (n: number): CommitEntry => {
      const row = { object: 'a', line: 1, reason: 'bad_amount' as const, raw: Buffer.alloc(8192), length: 8192, sha256: null };
      return entry(n, { rejected: Array.from({ length: 5000 }, () => row) });
    };
    await committer.push(bulky(1));
    expect(await isDone(committer.push(bulky(2)))).toBe(false);
    await end();
    await end();
    expect(sizes()).toEqual([1, 1]);
  });
});

describe('exactly so many', () => {
  test('and the last of a flush fewer', async () => {
    const { committer, sizes, end } = world({ groupSize: () => 3 });
    const pushing = (async () => {
      for (let n = 1; n <= 8; n++) await committer.push(entry(n));
      await committer.flush();
    })();
    while (!(await isDone(pushing))) await end();
    expect(sizes()).toEqual([3, 3, 2]);
  });

  test('is asked for each commit', async () => {
    let size = 1;
    const { committer, sizes, end } = world({ groupSize: () => size });
    const pushing = (async () => {
      for (let n = 1; n <= 3; n++) await committer.push(entry(n));
      size = 2;
      for (let n = 4; n <= 7; n++) await committer.push(entry(n));
      await committer.flush();
    })();
    while (!(await isDone(pushing))) await end();
    expect(sizes().reduce((sum, n) => sum + n)).toBe(7);
    expect(sizes().slice(-2)).toEqual([2, 2]);
  });

  test('is not broken for the sake of versions that changed', async () => {
    const { committer, begun, end } = world({ groupSize: () => 3 });
    await committer.push(entry(1));
    let same: Promise<void> = Promise.resolve();
    for (let i = 0; i < 5_000; i++) same = committer.same({ position: i, version: 'v' });
    expect(begun.map(({ entries, sameContent }) => [entries.length, sameContent.length])).toEqual([[0, 5_000]]);
    await end();
    await same;
  });
});

describe('versions that changed', () => {
  test('go with the next commit, or alone with a flush', async () => {
    const { committer, begun, end } = world();
    await committer.same({ position: 1, version: 'a' });
    expect(begun).toHaveLength(0);
    await committer.push(entry(1));
    await end();
    await committer.same({ position: 2, version: 'b' });
    const flushing = committer.flush();
    await end();
    await flushing;
    expect(begun.map(({ entries, sameContent }) => [entries.length, sameContent.length])).toEqual([
      [1, 1],
      [0, 1],
    ]);
    expect(begun[1]).toMatchObject({ from: 1, to: 1 });
  });

  test('wait for room too: a million touched files do not gather', async () => {
    const { committer, begun } = world();
    const waits: Promise<void>[] = [];
    for (let i = 0; i < 10_000; i++) waits.push(committer.same({ position: i, version: 'v' }));
    expect(await isDone(waits[4_000] ?? Promise.reject(new Error()))).toBe(true);
    expect(await isDone(waits.at(-1) ?? Promise.reject(new Error()))).toBe(false);
    expect(begun[0]?.sameContent).toHaveLength(5_000);
  });
});

describe('a commit that fails', () => {
  test('is the last: whatever waits and whatever comes is refused with its error', async () => {
    const { committer, begun, end, committed } = world({ groupSize: () => 1 });
    await committer.push(entry(1));
    const second = committer.push(entry(2));
    second.catch(() => undefined);
    const lost = new TallyhoError('STORE_UNREACHABLE', 'gone');
    await end(lost);
    await expect(second).rejects.toBe(lost);
    await expect(committer.push(entry(3))).rejects.toBe(lost);
    await expect(committer.same({ position: 1, version: 'v' })).rejects.toBe(lost);
    await expect(committer.flush()).rejects.toBe(lost);
    await committer.close();
    expect(begun).toHaveLength(1);
    expect(committed).toEqual([]);
    expect(committer.lastSequence).toBe(0);
  });

  test('seen by nobody is no unhandled rejection', async () => {
    const { committer, end } = world();
    await committer.push(entry(1));
    await end(new Error('no'));
    await settled();
    await expect(committer.flush()).rejects.toThrow('no');
  });
});

test('closing waits for the commit in flight and begins no other', async () => {
  const { committer, begun, end, committed } = world();
  await committer.push(entry(1));
  await committer.push(entry(2));
  const closing = committer.close();
  expect(await isDone(closing)).toBe(false);
  await end();
  await closing;
  expect(begun).toHaveLength(1);
  expect(committed).toEqual([1]);
  await expect(committer.push(entry(3))).rejects.toMatchObject({ code: 'INTERNAL' });
});

test('every entry is committed once and in order, from where the one before ended', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('applied', 'other', 'same', 'flush', 'end'), { maxLength: 200 }),
      fc.option(fc.integer({ min: 1, max: 5 }), { nil: null }),
      async (acts, size) => {
        const { committer, begun, committed, end } = world({ groupSize: () => size });
        let next = 0;
        const expected: (number | null)[] = [];
        const run = (async () => {
          for (const act of acts) {
            if (act === 'same') await committer.same({ position: 1, version: 'v' });
            else if (act === 'flush') await committer.flush();
            else if (act !== 'end') {
              const sequence = act === 'applied' ? ++next : null;
              expected.push(sequence);
              await committer.push(entry(sequence));
            }
          }
          await committer.flush();
        })();
        while (!(await isDone(run))) await end();
        expect(committed).toEqual(expected);
        let from = 0;
        for (const request of begun) {
          expect(request.from).toBe(from);
          from = request.to;
        }
        expect(from).toBe(next);
        expect(begun.flatMap(({ sameContent }) => sameContent)).toHaveLength(acts.filter((act) => act === 'same').length);
      },
    ),
    { numRuns: 100 },
  );
});
