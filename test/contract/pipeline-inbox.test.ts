/** PROTOCOL 1.7: what commands ask of the detector that holds the pipeline, done by it or by whoever holds the pipeline next. */
import { describe, expect, test } from 'vitest';
import { TallyhoError } from '../../src/core/error.ts';
import type { PipelineEvent } from '../../src/pipeline/events.ts';
import type { Writer } from '../../src/store/store.ts';
import { failing, type Run, withWriter } from '../helpers/pipeline-world.ts';
import { chunk, makeDesk } from '../helpers/quarantine-desk.ts';
import { useWorld } from '../helpers/use-world.ts';

const spent = { id: 'Spent', action: 'LOOK', entity: ['merchant', 'customer'], when: ['sum(amount) >= 10'] };
const { world, expectInForce } = useWorld({ patterns: [spent] });
const { exported, quarantined, conservation } = makeDesk(world);

/** a.csv with one bad row, applied, and that row mended. */
async function mendedRow(): Promise<string> {
  world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x'));
  await world.run();
  return (await exported()).text.replace('M1,C1,x', 'M1,C1,6');
}

const inForce = { 'a.csv': chunk('M1,C1,5', 'M1,C1,6') };
const afterReplay = ['chunk a.csv 1 2=1+1', 'replay mend.csv 2 1=1+0'];

/** A detector that watches while `work` is done. */
async function whileWatching(run: Run, work: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  try {
    await new Promise<void>((idle, fail) => {
      const on = (event: PipelineEvent): void => {
        run.on?.(event);
        if (event.kind === 'idle') idle();
      };
      running = world.run({ ...run, once: false, signal: stop.signal, on });
      running.catch(fail);
    });
    await work();
  } finally {
    stop.abort();
    await running;
  }
}

const put = (text: string, id = 'r1', name = 'mend.csv'): Promise<void> =>
  world.store.request({ id, kind: 'replay', name, bytes: Buffer.from(text) });
const answers = async (): Promise<unknown[]> =>
  (await world.store.requests()).map(({ answer }) => (answer === null ? null : (JSON.parse(answer) as unknown)));

describe('mended rows that are given while a detector runs', () => {
  test('are applied by it as one entry, and the command hears what came of them, however seldom the source is listed', async () => {
    const mended = await mendedRow();
    await whileWatching({ input: { pollMs: 600_000 } }, async () => {
      const told: string[] = [];
      const onHandedOver = (holder: string): void => void told.push(holder);
      expect(await world.replay(mended, { onHandedOver })).toMatchObject({ sequence: 2, applied: 1, detections: 1, before: 0 });
      expect(told).toEqual([expect.stringContaining('Another detector holds the pipeline')]);
      expect(await conservation()).toEqual(afterReplay);
      // Once, however often the file is given.
      expect(await world.replay(mended, {}, 'again.csv')).toMatchObject({ sequence: null, applied: 0, before: 1 });
    });
    expect(await conservation()).toEqual(afterReplay);
    expect((await quarantined()).map(({ resolvedBy }) => resolvedBy)).toEqual([2]);
    expect(await world.detections()).toEqual(['2 Spent M1 C1']);
    expect(world.output().size).toBe(2);
    await expectInForce(inForce);
  });

  test('are told by line where they are still bad or have no effect, as if they were applied here', async () => {
    world.put('a.csv', chunk('M1,C1,5', 'M1,C1,x', 'M1,C2,y', 'M1,C1,1'));
    await world.run();
    const mended = (await exported()).text.replace('M1,C1,x', 'M1,C1,6').concat('a.csv,none,three,bad_amount,,M1,C1,1\n');
    await whileWatching({}, async () => {
      expect(await world.replay(mended)).toEqual({
        sequence: 2,
        applied: 1,
        detections: 1,
        before: 0,
        stillBad: [{ fileLine: 3, object: 'a.csv', line: 4, reason: 'bad_amount', detail: null }],
        withoutEffect: [
          {
            fileLine: 4,
            object: 'a.csv',
            line: Number.NaN,
            reason: 'unknown_row',
            detail: 'there is no such quarantined row',
          },
        ],
        rest: { stillBad: 0, withoutEffect: 0 },
      });
    });
    expect((await conservation()).at(-1)).toBe('replay mend.csv 2 2=1+1');
  });

  test('are applied all the same when the command has ended meanwhile', async () => {
    const mended = await mendedRow();
    const detector = await world.store.claim({ waitMs: 0 });
    const stop = new AbortController();
    await expect(world.replay(mended, { signal: stop.signal, onHandedOver: () => stop.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await detector.release();
    expect(await conservation()).toHaveLength(1);
    await world.run();
    expect(await conservation()).toEqual(afterReplay);
    expect(await answers()).toEqual([expect.objectContaining({ sequence: 2, applied: 1 })]);
    await expectInForce(inForce);
  });

  test('are applied by the command when the detector has ended without taking them, and not before it could have come back', async () => {
    const mended = await mendedRow();
    const detector = await world.store.claim({ waitMs: 0 });
    let freedAt = 0;
    const release = async (): Promise<void> => {
      await detector.release();
      freedAt = performance.now();
    };
    const onHandedOver = (): void => void release();
    expect(await world.replay(mended, { onHandedOver, leaveMs: 1_500 })).toMatchObject({ sequence: 2, applied: 1, detections: 1 });
    expect(performance.now() - freedAt).toBeGreaterThan(1_400);
    expect(await conservation()).toEqual(afterReplay);
    expect(world.output().size).toBe(2);
    expect((await world.store.pipeline())?.held).toBe(false);
    await expectInForce(inForce);
  });

  test('do not wait for the end of a backlog', async () => {
    const mended = await mendedRow();
    for (const n of [1, 2, 3, 4]) world.put(`b_${n}.csv`, chunk(`M2,C${n},1`));
    let seen = 0;
    const on = (event: PipelineEvent): void => {
      if (event.kind === 'evaluated' && event.line.key === 'b_2.csv') seen = 1;
    };
    // A clock by which all takes long, and a request that comes while the second chunk is evaluated.
    const change: Run['change'] = ({ time, store }) => ({
      time: { ...time, elapsed: () => time.elapsed() * 10_000 },
      store: withWriter(store, (writer) => ({
        async nextRequest() {
          if (seen === 1) {
            seen = 2;
            await put(mended);
          }
          return await writer.nextRequest();
        },
      })),
    });
    await world.run({ on, change });
    expect(seen).toBe(2);
    expect((await conservation()).map((line) => line.split(' ')[1])).toEqual([
      'a.csv',
      'b_1.csv',
      'b_2.csv',
      'mend.csv',
      'b_3.csv',
      'b_4.csv',
    ]);
    const rest = Object.fromEntries([1, 2, 3, 4].map((n) => [`b_${n}.csv`, chunk(`M2,C${n},1`)]));
    await expectInForce({ ...inForce, ...rest });
  });
});

describe('a request never ends a detector', () => {
  test('one that cannot be read is refused with what is wrong with it, and the next is done', async () => {
    const mended = await mendedRow();
    await put('no such file', 'r1', 'wrong.csv');
    await put(mended, 'r2');
    world.put('b.csv', chunk('M2,C1,1'));
    // A replay is no chunk of a run, and its rows are those of another.
    expect(await world.run()).toMatchObject({ outcomes: { applied: 1 }, rows: 1, detections: [{ patternId: 'Spent', count: 1 }] });
    expect(await answers()).toEqual([
      {
        error: {
          code: 'USAGE',
          message: expect.stringContaining('cannot be replayed') as unknown,
          mend: expect.stringContaining('export') as unknown,
        },
      },
      expect.objectContaining({ sequence: 2, applied: 1 }),
    ]);
    expect(await conservation()).toEqual([...afterReplay, 'chunk b.csv 3 1=1+0']);
  });

  test('PROTOCOL 3.4: one that the database refuses for its data is refused in the life after, and the chunks go on', async () => {
    const mended = await mendedRow();
    await put(mended);
    world.put('b.csv', chunk('M2,C1,1'));
    const refused = () => new TallyhoError('STORE_FAILED', 'no such character', { cause: { code: '22021' } });
    const change: Run['change'] = ({ store }) => ({
      store: withWriter(store, (writer) => ({
        commit: (request) =>
          request.entries.some(({ fulfils }) => fulfils !== undefined) ? Promise.reject(refused()) : writer.commit(request),
      })),
    });
    await world.run({ change });
    expect(await answers()).toEqual([
      { error: { code: 'STORE_FAILED', message: expect.stringContaining('no such character') as unknown } },
    ]);
    expect(await conservation()).toEqual(['chunk a.csv 1 2=1+1', 'chunk b.csv 2 1=1+0']);
    // Nothing is lost by it.
    expect(await world.replay(mended)).toMatchObject({ sequence: 3, applied: 1 });
  });
});

describe('exactly once', () => {
  const cut = () => new TallyhoError('STORE_UNREACHABLE', 'cut');
  const unknown = () => new TallyhoError('STORE_UNKNOWN_COMMIT', 'lost');
  const acts: readonly (readonly [string, 'before' | 'after', (writer: Writer) => Partial<Writer>])[] = (
    ['before', 'after'] as const
  ).flatMap((when) => [
    ['reading the inbox', when, (writer) => ({ nextRequest: once(() => writer.nextRequest(), cut, when) })] as const,
    ['the commit', when, (writer) => ({ commit: once((request) => writer.commit(request), unknown, when) })] as const,
    ['the answer', when, (writer) => ({ answer: once((answer) => writer.answer(answer), unknown, when) })] as const,
    ['marking what is published', when, (writer) => ({ markPublished: once((keys) => writer.markPublished(keys), cut, when) })] as const,
  ]);
  let failed = 0;
  /** Fails in the first life of a test, and in no other. */
  function once<A extends unknown[], R>(act: (...args: A) => Promise<R>, error: () => Error, when: 'before' | 'after') {
    const wrapped = failing(act, [1], error, when);
    return async (...args: A): Promise<R> => (failed++ === 0 ? wrapped(...args) : act(...args));
  }

  test.each(acts)('a connection that is lost at %s (%s it took place) changes nothing of what comes out', async (_, __, change) => {
    const mended = await mendedRow();
    failed = 0;
    await put(mended);
    // Its rows are replayed by then: it has no entry.
    await put(mended, 'r2', 'again.csv');
    await world.run({ change: ({ store }) => ({ store: withWriter(store, change) }) });
    expect(failed).toBeGreaterThan(0);
    expect(await answers()).toEqual([expect.objectContaining({ applied: 1 }), expect.objectContaining({ applied: 0, before: 1 })]);
    expect(await conservation()).toEqual(afterReplay);
    expect(await world.detections()).toEqual(['2 Spent M1 C1']);
    expect(world.output().size).toBe(2);
    await expectInForce(inForce);
  });

  test('law 6: a detector that was taken over applies nothing, and the next applies it once', async () => {
    const mended = await mendedRow();
    await put(mended);
    let next: Writer | null = null;
    const change: Run['change'] = ({ store }) => ({
      store: withWriter(store, (writer) => ({
        async commit(request) {
          if (next === null) {
            // The connection is gone, and another was faster.
            await writer.release();
            next = await world.store.claim({ waitMs: 0 });
          }
          await writer.commit(request);
        },
      })),
    });
    await expect(world.run({ change })).rejects.toThrow(TallyhoError);
    expect(await conservation()).toHaveLength(1);
    expect(await answers()).toEqual([null]);
    await (next as Writer | null)?.release();
    await world.run();
    expect(await conservation()).toEqual(afterReplay);
  });
});
