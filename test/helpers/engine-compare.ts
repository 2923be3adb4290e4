/** What a reader or engine found and what the slow parser says, in one plain form. */
import { createHash } from 'node:crypto';
import type { ReadOutcome } from '../../src/engine/engine.ts';
import { ChunkReader, type ChunkRows } from '../../src/reader/chunk-reader.ts';
import type { Reading } from '../../src/reader/reading.ts';
import { keptBytes, type RejectedRow } from '../../src/reader/rejected.ts';
import { type Statistics, slowAggregate, statisticsOf } from './slow-parser/aggregate.ts';
import { type SlowPart, slowParse } from './slow-parser/parse.ts';

export type Found =
  | { readonly fault: string; readonly object: string }
  | { readonly rows: number; readonly rejected: readonly (readonly unknown[])[]; readonly statistics: Statistics };

/** raw is the whole record. */
function rejectedOf(object: string, line: number, reason: string, raw: Buffer): readonly unknown[] {
  const cut = raw.length > keptBytes;
  const sha256 = cut ? createHash('sha256').update(raw).digest('hex') : null;
  return [object, line, reason, raw.toString('latin1', 0, keptBytes), raw.length, sha256];
}

export function foundBySlow(parts: readonly SlowPart[], reading: Reading): Found {
  const result = slowParse(parts, reading);
  if (result.kind === 'fault') return { fault: result.reason, object: result.object };
  return {
    rows: result.rows.length + result.rejected.length,
    rejected: result.rejected.map(({ object, line, reason, raw }) => rejectedOf(object, line, reason, raw)),
    statistics: slowAggregate(reading.layout, result.rows, reading.reference),
  };
}

function rejectedRow({ object, line, reason, raw, length, sha256 }: RejectedRow): readonly unknown[] {
  return [object, line, reason, Buffer.from(raw).toString('latin1'), length, sha256];
}

function foundRows(reading: Reading, { rows, rejected, rejectedRows, delta }: ChunkRows): Found {
  if (rejectedRows < rejected.length) throw new Error('more rows are kept than were rejected');
  return { rows, rejected: rejected.map(rejectedRow), statistics: statisticsOf(reading.layout, delta) };
}

/** Reads one object in blocks. With `reader`, one that has read others before. */
export function foundByReader(part: SlowPart, reading: Reading, blockBytes: number, reader = new ChunkReader(reading)): Found {
  const csv = reader.csv(part.object);
  for (let p = 0; p < part.bytes.length; p += blockBytes) {
    // Bytes of a block may be gone after the call: a reader that keeps a view of them would see these.
    const block = Uint8Array.from(part.bytes.subarray(p, p + blockBytes));
    csv.push(block);
    block.fill(0x2c);
  }
  const fault = csv.end();
  if (fault === null) return foundRows(reading, reader.take(csv.rows));
  reader.clear();
  return { fault: fault.reason, object: part.object };
}

export function foundByEngine(outcome: ReadOutcome | undefined, reading: Reading): Found {
  if (outcome?.kind === 'rows') return foundRows(reading, outcome);
  if (outcome?.kind === 'fault') return { fault: outcome.fault.reason, object: outcome.fault.object };
  throw new Error(`neither rows nor a fault: ${JSON.stringify(outcome)}`);
}
