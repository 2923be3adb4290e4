/** Numbers, times and names as people read them. */
import type { Place } from '../config/config.ts';
import { printable } from '../objects/key.ts';

/** `594,643`. Not by Intl, whose data costs a short command 10 ms to load. */
export function grouped(value: number | bigint): string {
  return String(typeof value === 'number' ? Math.round(value) : value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 chunk`, `2 chunks`, `0 chunks` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** `3 ms`, `1.2 s`, `2 min 5 s` */
export function lasting(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `12.3 MB` */
export function sized(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${value} bytes` : `${value.toFixed(1)} ${units[unit]}`;
}

/** `2026-11-22 07:30:00Z` */
export function instant(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** `merchant M1, customer C1`; whatever could steer a terminal is shown as what it is. */
export function entityText(entity: Readonly<Record<string, string>>): string {
  return Object.entries(entity)
    .map(([name, value]) => `${name} ${value === '' ? "''" : printable(value)}`)
    .join(', ');
}

/** At most `length` characters, the end cut off. */
export function cut(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, Math.max(0, length - 3)).join('')}...`;
}

/** `a`, `a and b`, `a, b and c` */
export function listed(texts: readonly string[]): string {
  return texts.length < 2 ? (texts[0] ?? '') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}

/** Where a place of the config lies, whatever the current folder. */
export function placeText({ url, location }: Place): string {
  return location.kind === 'file' ? location.path : url;
}
