import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Lease, type LeaseParts } from '../../src/store/postgres/lease.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const thread = { beat: vi.fn(), end: vi.fn(() => Promise.resolve()) };
const startThread = vi.fn(() => thread);
beforeEach(() => void [startThread, thread.beat, thread.end].map((told) => told.mockClear()));

const leaseWith = (renew: () => Promise<void>, parts: Partial<LeaseParts> = {}): Lease =>
  new Lease({ renew, isLost: () => false, startThread, ...parts });

test('a lease is renewed by a timer, unless a transaction has just done so, until it ends', async () => {
  let renewed = 0;
  const lease = leaseWith(() => Promise.resolve(void renewed++));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(renewed).toBe(3);
  for (let i = 0; i < 10; i++) {
    lease.touch();
    await vi.advanceTimersByTimeAsync(5_000);
  }
  expect(renewed).toBe(3);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(renewed).toBe(4);
  await lease.end();
  await lease.end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(renewed).toBe(4);
});

test('a renewal that fails or hangs does no harm, and is not sent twice', async () => {
  let asked = 0;
  const failing = leaseWith(() => Promise.reject(new Error(`no ${asked++}`)));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(asked).toBeGreaterThan(2);
  await failing.end();
  let hung = 0;
  const hanging = leaseWith(() => {
    hung++;
    return new Promise(() => {});
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(hung).toBe(1);
  await hanging.end();
});

test('the thread is started when a run lasts, hears that the main thread is alive, and ends with the lease', async () => {
  const brief = leaseWith(() => Promise.resolve());
  await vi.advanceTimersByTimeAsync(1_900);
  await brief.end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(startThread).not.toHaveBeenCalled();
  const lease = leaseWith(() => Promise.resolve());
  await vi.advanceTimersByTimeAsync(2_100);
  expect(startThread).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(thread.beat).toHaveBeenCalledTimes(4);
  await lease.end();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(thread.beat).toHaveBeenCalledTimes(4);
  expect(thread.end).toHaveBeenCalledOnce();
});

test('nothing is renewed for a writer whose connection is gone', async () => {
  let [isLost, renewed] = [false, 0];
  const lost = leaseWith(() => Promise.resolve(void renewed++), { isLost: () => isLost });
  await vi.advanceTimersByTimeAsync(8_000);
  isLost = true;
  await vi.advanceTimersByTimeAsync(60_000);
  expect([renewed, thread.end.mock.calls.length]).toEqual([0, 1]);
  await lost.end();
  await vi.advanceTimersByTimeAsync(0);
  startThread.mockClear();
  leaseWith(() => Promise.resolve(), { isLost: () => true });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(startThread).not.toHaveBeenCalled();
});
