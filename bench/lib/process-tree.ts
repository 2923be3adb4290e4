/**
 * CPU time and peak memory of processes that are not ours to wait for, out of Linux' /proc.
 *
 * CPU of a tree = for each living process its own time and that of its children that have ended and were waited for
 * (`cutime`, `cstime`). A PostgreSQL backend that has ended is in its postmaster's, a postmaster in its supervisor's. Own
 * times are taken from `schedstat`, in nanoseconds, where a process has one thread, else from `stat`, in ticks of 10 ms;
 * waited-for times are in ticks, but summed up exactly by the kernel before they are cut.
 *
 * Peak memory is `VmHWM`. Shared memory (PostgreSQL's buffers) counts in every process that has touched it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const tickMs = 10;

interface Stat {
  readonly parent: number;
  readonly cpuMs: number;
}

/** null: it is gone. */
function statOf(pid: number): Stat | null {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The name, in brackets, may hold anything.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const ticks = (n: number): number => (fields[n] ?? 0) * tickMs;
  const threads = fields[17] ?? 1;
  const exact = threads === 1 ? Number(read(`/proc/${pid}/schedstat`)?.split(' ')[0] ?? Number.NaN) / 1e6 : Number.NaN;
  const own = Number.isNaN(exact) ? ticks(11) + ticks(12) : exact;
  return { parent: fields[1] ?? 0, cpuMs: own + ticks(13) + ticks(14) };
}

export function isAlive(pid: number): boolean {
  const text = read(`/proc/${pid}/stat`);
  return text !== null && text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3) !== 'Z';
}

/** These and all below them that live. */
export function treeOf(roots: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? statOf(pid)?.parent : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = new Set<number>();
  const visit = (pid: number): void => {
    if (found.has(pid)) return;
    found.add(pid);
    children.get(pid)?.forEach(visit);
  };
  roots.forEach(visit);
  return [...found];
}

export function cpuOf(roots: readonly number[]): number {
  return treeOf(roots).reduce((sum, pid) => sum + (statOf(pid)?.cpuMs ?? 0), 0);
}

/** Once nobody comes or goes any more: backends whose client has left end by themselves a moment later. */
export async function settledCpuOf(roots: readonly number[]): Promise<number> {
  let before = '';
  for (;;) {
    const now = treeOf(roots).join(' ');
    if (now === before) return cpuOf(roots);
    before = now;
    await sleep(30);
  }
}

export interface Peak {
  readonly name: string;
  readonly mb: number;
  /** Now. */
  readonly residentMb: number;
}

export function peakOf(pid: number): Peak | null {
  const status = read(`/proc/${pid}/status`);
  const kb = (field: string): number => Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(status ?? '')?.[1] ?? Number.NaN);
  if (Number.isNaN(kb('VmHWM'))) return null;
  const command = (read(`/proc/${pid}/cmdline`) ?? '').split('\0').filter((part) => part !== '');
  return { name: nameOf(command), mb: kb('VmHWM') / 1024, residentMb: kb('VmRSS') / 1024 };
}

function nameOf(command: readonly string[]): string {
  const first = command[0] ?? '';
  if (first.startsWith('postgres: '))
    return first
      .replace(/^postgres: (tallyho: )?/, 'postgres ')
      .replace(/ (\d{1,3}\.){3}.*| \[local\].*/, '')
      .trim();
  const script = command.find((part) => part.endsWith('.js') || part.endsWith('.mjs'));
  return (script ?? first).split('/').at(-1) ?? first;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
