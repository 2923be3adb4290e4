import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentMs, watchSilence } from '../../src/store/postgres/silence.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function watch(world: { moved?: () => number; waiting?: boolean; working?: () => boolean }): {
  asked: number;
  lost: number;
  end: () => void;
} {
  const state = { asked: 0, lost: 0, end: (): void => {} };
  state.end = watchSilence({
    moved: world.moved ?? (() => 0),
    isWaiting: () => world.waiting ?? true,
    isWorking: () => {
      state.asked++;
      return Promise.resolve(world.working?.() ?? false);
    },
    onLost: () => {
      state.lost++;
      state.end();
    },
  });
  return state;
}

test('a connection is lost when an answer is waited for, no byte moves, and the other end does not work for us', async () => {
  const seen = watch({});
  await vi.advanceTimersByTimeAsync(silentMs - 1);
  expect(seen).toMatchObject({ asked: 0, lost: 0 });
  await vi.advanceTimersByTimeAsync(5_000);
  expect(seen).toMatchObject({ asked: 1, lost: 1 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(seen).toMatchObject({ asked: 1, lost: 1 });
});

test('it is not while the other end works, however long, and is once that ends', async () => {
  let isWorking = true;
  const seen = watch({ working: () => isWorking });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(seen.asked).toBeGreaterThan(20);
  expect(seen.lost).toBe(0);
  isWorking = false;
  await vi.advanceTimersByTimeAsync(silentMs + 5_000);
  expect(seen.lost).toBe(1);
});

test('nobody is asked while bytes move, or while nothing is waited for', async () => {
  let bytes = 0;
  const moving = watch({ moved: () => bytes++ });
  const idle = watch({ waiting: false });
  await vi.advanceTimersByTimeAsync(600_000);
  expect([moving.asked, idle.asked]).toEqual([0, 0]);
  moving.end();
  idle.end();
});

test('what comes in while the other end is asked is an answer', async () => {
  let bytes = 0;
  const seen = watch({
    moved: () => bytes,
    working: () => {
      bytes++;
      return false;
    },
  });
  await vi.advanceTimersByTimeAsync(silentMs + 5_000);
  expect(seen).toMatchObject({ asked: 1, lost: 0 });
});
