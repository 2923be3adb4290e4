import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Lease } from '../../src/store/postgres/lease.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('a lease is renewed by a timer, unless a transaction has just done so, until it ends', async () => {
  let renewed = 0;
  const lease = new Lease(() => Promise.resolve(void renewed++));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(renewed).toBe(3);
  for (let i = 0; i < 10; i++) {
    lease.touch();
    await vi.advanceTimersByTimeAsync(5_000);
  }
  expect(renewed).toBe(3);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(renewed).toBe(4);
  lease.end();
  lease.end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(renewed).toBe(4);
});

test('a renewal that fails or hangs does no harm, and is not sent twice', async () => {
  let asked = 0;
  const failing = new Lease(() => Promise.reject(new Error(`no ${asked++}`)));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(asked).toBeGreaterThan(2);
  failing.end();
  let hung = 0;
  const hanging = new Lease(() => {
    hung++;
    return new Promise(() => {});
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(hung).toBe(1);
  hanging.end();
});
