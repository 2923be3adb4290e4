/** Whether a detector is running, and which one. */
import { printable } from '../objects/key.ts';
import type { Holder } from '../store/store.ts';
import { instant } from './words.ts';

export function runningText(isRunning: boolean, holder: Holder | null): string {
  if (!isRunning) return 'no detector is running';
  if (holder === null) return 'a detector is running';
  const { host, process, since, renewedSecondsAgo } = holder;
  return `a detector is running: process ${process} on ${printable(host)}, since ${instant(since)}, renewed ${renewedSecondsAgo} s ago`;
}
