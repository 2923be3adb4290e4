/**
 * What a folder of the output says, read back: its detections, each with its evidence (DESIGN.md 6). The counterpart of
 * plan-files.ts, for an output whose state is lost (PROTOCOL.md 4.5). Pure.
 *
 * Only the rows of `detections-<n>.csv` were detected: evidence comes first, so it may be there for what never was published.
 */
import { isUtf8 } from 'node:buffer';
import { TallyhoError } from '../core/error.ts';
import { DOUBLE_QUOTE } from '../reader/bytes.ts';
import { textRecords } from '../reader/text-records.ts';
import { columnOf } from './detections-csv.ts';
import { detectionsName, evidenceName, roleOf } from './output-name.ts';

export interface OutputFile {
  /** Below the sink's URL. */
  readonly key: string;
  readonly bytes: Uint8Array;
}

export interface FoundDetection {
  readonly patternId: string;
  readonly action: string;
  /** Values in the order of the pattern's dimensions. */
  readonly values: readonly string[];
  /** Line of JSON; null where the evidence file has none for it. */
  readonly evidence: string | null;
}

export interface KnownEntity {
  readonly id: string;
  readonly action: string;
  readonly entity: readonly string[];
}

const comma = 44;

/** Whether a file of a folder of ours is one that we write. */
export function isOutputFile(key: string): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const n = Number(/^(?:detections-([1-9]\d{0,8})\.csv|evidence-([1-9]\d{0,8})\.jsonl)$/.exec(name)?.slice(1).find(Boolean) ?? 0);
  return n > 0 && (name === detectionsName(n) || name === evidenceName(n));
}

/** In the order in which a folder is published. */
export function inPublishingOrder(files: readonly OutputFile[]): OutputFile[] {
  const ranks = { evidence: 0, detections: 1, last: 2 };
  return files.toSorted((a, b) => ranks[roleOf(a.key)] - ranks[roleOf(b.key)] || numberOf(a.key) - numberOf(b.key));
}

/** The detections of the files of one folder, in file and row order. Throws SINK_AHEAD where a row is not of these patterns. */
export function readDetections(files: readonly OutputFile[], patterns: readonly KnownEntity[]): FoundDetection[] {
  const byId = new Map(patterns.map((pattern) => [pattern.id, pattern]));
  const evidence = new Map(files.filter(({ key }) => roleOf(key) === 'evidence').map((file) => [numberOf(file.key), readEvidence(file)]));
  return files
    .filter(({ key }) => roleOf(key) !== 'evidence')
    .toSorted((a, b) => numberOf(a.key) - numberOf(b.key))
    .flatMap((file) => readRows(file, byId, evidence.get(numberOf(file.key)) ?? new Map()));
}

function readRows(file: OutputFile, byId: ReadonlyMap<string, KnownEntity>, evidence: ReadonlyMap<string, string>): FoundDetection[] {
  if (!isUtf8(file.bytes)) throw refused(`${file.key} is not UTF-8`);
  const found: FoundDetection[] = [];
  let titles: readonly string[] | null = null;
  for (const { fields, line, open } of textRecords(file.bytes, 0, DOUBLE_QUOTE, comma)) {
    if (open) throw refused(`line ${line} of ${file.key} has an open quote to the end`);
    if (titles === null) {
      titles = fields;
      continue;
    }
    if (fields.length !== titles.length) throw refused(`line ${line} of ${file.key} has not as many fields as its header`);
    const at = (title: string): string | undefined => fields[titles?.indexOf(title) ?? -1];
    const patternId = at('patternId');
    const action = at('actionType');
    if (patternId === undefined || action === undefined) throw refused(`${file.key} has no columns patternId and actionType`);
    const pattern = byId.get(patternId);
    if (pattern === undefined) throw refused(`line ${line} of ${file.key} is of the pattern ${patternId}, which is not declared`);
    const values = pattern.entity.map((name) => at(columnOf(name)));
    if (action !== pattern.action || !values.every((value) => value !== undefined && value !== ''))
      throw refused(
        `line ${line} of ${file.key} says ${patternId} for another action or other dimensions than ${pattern.action} of [${pattern.entity.join(', ')}]`,
      );
    const whole = values.map((value) => value ?? '');
    found.push({ patternId, action, values: whole, evidence: evidence.get(nameOf(patternId, pattern.entity, whole)) ?? null });
  }
  return found;
}

/** Lines by what they are of. What is no line of ours is passed over: the rows decide, evidence goes beside. */
function readEvidence({ bytes }: OutputFile): Map<string, string> {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n');
  return new Map(
    lines.flatMap((text): [string, string][] => {
      const parsed = parseObject(text);
      const entity = parsed?.['entity'];
      if (typeof parsed?.['patternId'] !== 'string' || typeof entity !== 'object' || entity === null) return [];
      const names = Object.keys(entity);
      const values = names.map((name) => (entity as Record<string, unknown>)[name]);
      return [[nameOf(parsed['patternId'], names, values), text]];
    }),
  );
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** The same for every order of the dimensions. */
function nameOf(patternId: string, names: readonly string[], values: readonly unknown[]): string {
  const pairs = names.map((name, i) => [name, values[i]] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([patternId, pairs]);
}

function refused(why: string): TallyhoError {
  return new TallyhoError('SINK_AHEAD', `The output cannot be adopted: ${why}.`, {
    mend: 'Declare the patterns that wrote it (they may be changed or removed once it is adopted), or name another output in `sink`.',
  });
}

function numberOf(key: string): number {
  return Number(/-(\d+)\.\w+$/.exec(key)?.[1]);
}
