/** Durations, sizes and shares as they stand in a config: text with a unit, read exactly. */

import type { Percent } from '../pipeline/options.ts';

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `1s`, `1.5h`, in milliseconds; null for anything else. A bare 0 needs no unit. */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  const match = /^(\d{1,9}(?:\.\d{1,6})?) ?(ms|s|m|h|d)$/.exec(text);
  const unit = milliseconds[match?.[2] ?? ''];
  return unit === undefined ? null : Math.round(Number(match?.[1]) * unit);
}

const bytes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `256MiB`, `8GiB`, `1.5TB`, in bytes; null for anything else, and beyond 2^53. A bare number counts bytes. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,16}(?:\.\d{1,6})?) ?([KMGT]i?B|B)?$/.exec(text);
  const unit = bytes[match?.[2] ?? 'B'];
  if (match === null || unit === undefined) return null;
  const size = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(size) ? size : null;
}

/** `50%`, `12.5%`: 0 to 100, at most 6 digits after the point; null for anything else. */
export function parsePercent(text: string): Percent | null {
  const match = /^(\d{1,3})(?:\.(\d{1,6}))? ?%$/.exec(text);
  if (match === null) return null;
  const decimals = match[2] ?? '';
  const units = BigInt((match[1] ?? '') + decimals);
  return units <= 100n * 10n ** BigInt(decimals.length) ? { units, digits: decimals.length } : null;
}
