/** PROTOCOL 3.5: a fold is that of the entry after which it began, though chunks go on while its rows are made. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { FoldRows } from '../../src/core/detector.ts';
import { type Folding, makeFolding } from '../../src/pipeline/folding.ts';

const rows: readonly FoldRows[] = [{ grain: 0, entities: Uint32Array.of(0), firstNew: 0, keys: [Uint32Array.of(0)], additive: [] }];

interface Scene {
  readonly folding: Folding;
  readonly done: string[];
  readonly sequence: { evaluated: number; committed: number };
}

/** What was done, in its order; a fold has three pieces. */
function scene(onPause: (scene: Scene) => void): Scene {
  const done: string[] = [];
  const sequence = { evaluated: 1, committed: 1 };
  // Each look at the clock is late enough for a fold.
  let elapsed = 0;
  const folding = makeFolding({
    detector: {
      takeFold: () => rows,
      *beginFold() {
        for (const piece of [1, 2]) {
          done.push(`piece ${piece}`);
          yield;
        }
        return rows;
      },
      returnFold: (given) => {
        expect(given).toBe(rows);
        done.push('given back');
      },
    },
    writer: {
      fold: (given, to, beside) => {
        expect(given).toBe(rows);
        done.push(`fold to ${to}`);
        return beside?.aborted === true ? Promise.reject(new Error('aborted')) : Promise.resolve();
      },
    },
    folded: 0,
    last: () => ({ ...sequence }),
    time: {
      now: () => 0,
      elapsed: () => (elapsed += 20_000),
      sleep: async (_ms, signal) => {
        done.push('pause');
        onPause(self);
        await turn();
        signal.throwIfAborted();
      },
    },
    on: ({ kind }) => done.push(kind),
  });
  const self: Scene = { folding, done, sequence };
  return self;
}

test('chunks go on between the pieces of a fold, which has the entry after which it began', async () => {
  const { folding, done } = scene(({ sequence }) => Object.assign(sequence, { evaluated: 5, committed: 4 }));
  folding.begin();
  // Rows are those of this moment: they are begun before anything else can happen.
  expect(done).toEqual(['piece 1', 'pause']);
  while (!done.includes('folded')) await turn();
  expect(done).toEqual(['piece 1', 'pause', 'piece 2', 'pause', 'fold to 1', 'folded']);
  // The later entries are to be folded yet.
  expect(folding.isDone).toBe(false);
});

test('a fold that is ended while its rows are made is made to its end and given back', async () => {
  const { folding, done } = scene(() => undefined);
  folding.begin();
  await folding.close();
  expect(done).toEqual(['piece 1', 'pause', 'piece 2', 'fold to 1', 'given back']);
  expect(() => folding.begin()).toThrow('aborted');
});
