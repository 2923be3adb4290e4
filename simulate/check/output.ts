/**
 * Law 3: the output rendered again from the ledger, with code of its own. Every detection is in exactly one file, nothing else is
 * there, and all of it is marked as published.
 */
import type { StoredLine } from '../../src/store/store.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { State, StoredDetection } from '../store/state.ts';
import type { Complain } from './ledger.ts';

const rowsPerFile = 50;

export function checkOutput(state: State, sink: Bucket, starts: ReadonlySet<string>, complain: Complain): void {
  const expected = new Map<string, string>();
  for (const line of state.lines) {
    const rows = state.detections.filter(({ sequence }) => sequence === line.sequence);
    if (line.detections !== rows.length) complain(`entry ${line.sequence} has ${rows.length} detections, and says ${line.detections}`);
    if (rows.length > 0) render(state, line, rows, sink, expected);
  }
  const found = new Map(sink.objects().map(({ key, bytes }) => [key, Buffer.from(bytes).toString()]));
  for (const [key, text] of expected) {
    const there = found.get(key);
    if (there === undefined) complain(`law 3: ${key} is not there`);
    else if (there !== text) complain(`law 3: ${key} is\n${there}\nand must be\n${text}`);
  }
  for (const [key, text] of found) {
    if (!expected.has(key)) complain(`law 3: ${key} is there, and no detection is in it`);
    const start = key.includes('/detections-') ? startOf(text) : null;
    if (start !== null && !starts.has(start)) complain(`${key} says that the detector started at ${start}`);
  }
  for (const { key, isPublished, incident } of state.files)
    if (!isPublished || incident !== null) complain(`law 3: ${key} is not marked as published${incident === null ? '' : `: ${incident}`}`);
}

/** The files of one entry. YStartTime is the run's that made it: taken from the file, and checked for itself. */
function render(state: State, line: StoredLine, rows: readonly StoredDetection[], sink: Bucket, into: Map<string, string>): void {
  const at = line.detectionTime.toISOString();
  const folder = `${at.replace(/[-:Z]/g, '')}-${line.sequence}`;
  const set = state.patternSets.findLast(({ from }) => from <= (line.sequence ?? 0))?.set.patterns ?? [];
  const further = [...new Set(set.flatMap(({ entity }) => entity))].filter((name) => name !== 'customer' && name !== 'merchant');
  const header = ['YStartTime', 'detectionTime', 'patternId', 'actionType', 'customerName', 'merchantId', ...further];
  for (let n = 1; (n - 1) * rowsPerFile < rows.length; n++) {
    const group = rows.slice((n - 1) * rowsPerFile, n * rowsPerFile);
    const key = `${folder}/detections-${n}.csv`;
    const there = Buffer.from(sink.current(key)?.bytes ?? []).toString();
    const start = startOf(there) ?? '';
    const csv = group.map(({ patternId, evidence }) => {
      const { entity, action } = JSON.parse(evidence) as { entity: Record<string, string>; action: string };
      return [plain(start), plain(at), patternId, action, ...['customer', 'merchant', ...further].map((name) => entity[name] ?? '')];
    });
    into.set(key, [header, ...csv].map((fields) => `${fields.map(quoted).join(',')}\n`).join(''));
    into.set(`${folder}/evidence-${n}.jsonl`, group.map(({ evidence }) => `${evidence}\n`).join(''));
  }
}

/** As an ISO instant; null where there is no row. */
function startOf(csv: string): string | null {
  const field = csv.split('\n')[1]?.split(',')[0] ?? '';
  return field === '' ? null : `${field.replace(' ', 'T')}Z`;
}

function plain(instant: string): string {
  return instant.replace('T', ' ').replace('Z', '');
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
