/** A commit as a function of states: what it refuses, it refuses before anything is made. */
import { assertLaw, TallyhoError } from '../../src/core/error.ts';
import type { Layout } from '../../src/core/layout.ts';
import { folderOf, placeEntries } from '../../src/store/postgres/commit.ts';
import { withPatternSets } from '../../src/store/postgres/pattern-sets.ts';
import type { CommitEntry, CommitRequest, DetectionRecord, InboxAnswer, LedgerLine, StoredLine } from '../../src/store/store.ts';
import { currentPatterns, type KnownPattern, type State, type StoredDetection, type StoredFile } from './state.ts';

/** The request is checked (`checkRequest`), and the fence passed. */
export function commitTo(state: State, { from, to, entries, sameContent }: CommitRequest): State {
  const withSets = addPatternSets(state, entries, from);
  const { placed } = placeEntries(entries, state.lines.length + 1);
  const lines = [...state.lines];
  for (const { position, entry, line } of placed) {
    const before = lines[position - 1];
    const mayStand = before === undefined ? position === lines.length + 1 : isReplaced(before, entry);
    assertLaw(mayStand, 'a ledger line replaces a waiting line of the same key, or none');
    if (line.corrects !== null) markCorrected(lines, line);
    lines[position - 1] = { ...line, detail: withoutNul(line.detail), position, correctedBy: null };
  }
  for (const { position, version } of sameContent) {
    const line = lines[position - 1];
    if (line !== undefined) lines[position - 1] = { ...line, version };
  }
  const sequences = lines.flatMap(({ sequence }) => sequence ?? []);
  assertLaw(new Set(sequences).size === sequences.length, 'a sequence number is given once');
  const latest = Math.max(state.lastDetectionTime?.getTime() ?? -Infinity, ...entries.map(({ line }) => line.detectionTime.getTime()));
  assertLaw(
    entries.every(({ behind = [] }) => behind.length === 0),
    'no simulated chunk has more bad rows than are kept',
  );
  const rejected = new Map(state.rejected);
  for (const { position, entry } of placed) if (entry.rejected.length > 0) rejected.set(position, entry.rejected);
  return {
    ...withSets,
    lastSequence: to,
    lastDetectionTime: Number.isFinite(latest) ? new Date(latest) : null,
    lines,
    rejected,
    replayed: addReplayed(state, rejected, placed),
    deltas: new Map([
      ...state.deltas,
      ...entries.flatMap(({ line, delta }) => (delta === null || line.sequence === null ? [] : [[line.sequence, delta] as const])),
    ]),
    contents: new Map([
      ...state.contents,
      ...entries.flatMap(({ line, contents }) => (contents === null || line.sequence === null ? [] : [[line.sequence, contents] as const])),
    ]),
    dictionary: withValues(
      state.dictionary,
      state.basis?.layout ?? null,
      entries.flatMap(({ newValues }) => newValues),
    ),
    detections: addDetections(withSets, entries),
    files: addFiles(state.files, entries),
    inbox: entries.reduce((inbox, { fulfils = null }) => (fulfils === null ? inbox : withAnswer(inbox, fulfils)), state.inbox),
  };
}

/** Of a request that is there and waits. */
export function withAnswer(inbox: State['inbox'], { id, answer }: InboxAnswer): State['inbox'] {
  assertLaw(
    inbox.some((request) => request.id === id && request.answer === null),
    'a request is answered once, and only one that is there',
  );
  return inbox.map((request) => (request.id === id ? { ...request, answer, bytes: null } : request));
}

/** Each names a rejected row, once. */
function addReplayed(
  { replayed }: State,
  rejected: State['rejected'],
  placed: readonly { readonly position: number; readonly entry: CommitEntry }[],
): State['replayed'] {
  const added = placed.flatMap(({ position, entry }) =>
    (entry.replayed ?? []).map((row) => ({ ...row, position, sequence: entry.line.sequence ?? 0 })),
  );
  if (added.length === 0) return replayed;
  for (const { origin, object, line } of added)
    assertLaw(
      rejected.get(origin)?.some((row) => row.object === object && row.line === line) === true,
      'a replayed row is one that was rejected',
    );
  const all = [...replayed, ...added];
  const names = all.map(({ origin, version, object, line }) => JSON.stringify([origin, version, object, line]));
  if (new Set(names).size < names.length)
    throw new TallyhoError('STORE_FAILED', 'The database refuses to commit: a row is replayed once.', { cause: { code: '23P01' } });
  return all;
}

/** What it corrects came before, and nothing has corrected it yet. */
function markCorrected(lines: StoredLine[], { corrects, sequence }: LedgerLine): void {
  const at = lines.findIndex((line) => line.sequence === corrects);
  const old = lines[at];
  if (old === undefined || old.correctedBy !== null || (corrects ?? 0) >= (sequence ?? 0))
    throw new TallyhoError('STORE_FAILED', 'The database refuses to commit: it corrects nothing that is in force.', {
      cause: { code: '23505' },
    });
  lines[at] = { ...old, correctedBy: sequence };
}

function isReplaced(before: StoredLine, { replaces, line }: CommitEntry): boolean {
  return replaces === before.position && before.outcome === 'waiting' && before.key === line.key && before.folder === line.folder;
}

/** PostgreSQL has no text with U+0000. */
export function withoutNul(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '\u2400');
}

/** What an id stands for may change as long as its generation has detected nothing. */
function addPatternSets(state: State, entries: readonly CommitEntry[], from: number): State {
  let last = from;
  let next = state;
  for (const entry of entries) {
    const { line, patternSet } = entry;
    if (patternSet !== null) {
      const known = new Map(currentPatterns(next).map((pattern) => [pattern.id, pattern]));
      const changed = [...withPatternSets(known, [entry]).values()].filter((pattern) => known.get(pattern.id) !== pattern);
      for (const { id, generation } of changed)
        if (next.detections.some((row) => row.patternId === id && row.generation === generation))
          throw new TallyhoError('PATTERN_ID_REUSED', `The pattern ${id} has detections with another action or other dimensions.`);
      const isSame = (a: KnownPattern, b: KnownPattern): boolean => a.id === b.id && a.generation === b.generation;
      const sequence = line.sequence ?? last + 1;
      next = {
        ...next,
        patterns: [...next.patterns.filter((pattern) => !changed.some((other) => isSame(pattern, other))), ...changed],
        patternSets: [...next.patternSets.filter(({ from: other }) => other !== sequence), { from: sequence, set: patternSet }].sort(
          (a, b) => a.from - b.from,
        ),
      };
    }
    last = line.sequence ?? last;
  }
  return next;
}

/** Ids of values are dense, and never given again. */
export function withValues(
  dictionary: State['dictionary'],
  layout: Layout | null,
  newValues: CommitEntry['newValues'],
): State['dictionary'] {
  const next = new Map(dictionary);
  for (const { dimension, first, values } of newValues) {
    const name = layout?.dimensions[dimension]?.name;
    assertLaw(name !== undefined, 'new values are of a dimension of the layout');
    const before = next.get(name) ?? [];
    assertLaw(before.length === first, 'ids of new values are dense');
    next.set(name, [...before, ...values]);
  }
  return next;
}

function addDetections(state: State, entries: readonly CommitEntry[]): readonly StoredDetection[] {
  const patterns = new Map(currentPatterns(state).map((pattern) => [pattern.id, pattern]));
  const made = entries.flatMap(({ line, detections }) => {
    assertLaw(detections.length === line.detections, `${line.key}: the line counts its detections`);
    assertLaw(detections.length === 0 || line.sequence !== null, `${line.key}: only an applied entry detects`);
    return detections
      .map((record) => makeDetection(record, line.sequence ?? 0, patterns.get(record.patternId)))
      .sort((a, b) => a.ordinal - b.ordinal);
  });
  if (made.length === 0) return state.detections;
  const names = new Set(state.detections.map(nameOf));
  for (const detection of made) {
    if (names.has(nameOf(detection)))
      throw new TallyhoError('STORE_FAILED', `The database refuses to commit: ${detection.patternId} has detected this entity before.`, {
        cause: { code: '23P01' },
      });
    names.add(nameOf(detection));
  }
  return [...state.detections, ...made];
}

function nameOf({ patternId, generation, entity }: StoredDetection): string {
  return JSON.stringify([patternId, generation, entity]);
}

function makeDetection(record: DetectionRecord, sequence: number, pattern: KnownPattern | undefined): StoredDetection {
  const { patternId, entity, ordinal, evidence } = record;
  assertLaw(pattern !== undefined, `the pattern ${patternId} of a detection is in a pattern set`);
  assertLaw(Object.keys(entity).length === pattern.entity.length, `a detection of ${patternId} names its entity`);
  const values = pattern.entity.map((name) => {
    const value = Object.hasOwn(entity, name) ? entity[name] : undefined;
    assertLaw(value !== undefined, `a detection of ${patternId} has a ${name}`);
    return value;
  });
  return { sequence, patternId, evidence, ordinal, generation: pattern.generation, entity: values };
}

function addFiles(files: readonly StoredFile[], entries: readonly CommitEntry[]): readonly StoredFile[] {
  const made = entries.flatMap(({ line, files: planned }) =>
    planned.map(
      (file): StoredFile => ({ ...file, sequence: line.sequence ?? 0, folder: folderOf(file.key), isPublished: false, incident: null }),
    ),
  );
  if (made.length === 0) return files;
  const keys = [...files, ...made].map(({ key }) => key);
  assertLaw(new Set(keys).size === keys.length, 'a file is planned once');
  return [...files, ...made].sort((a, b) => a.sequence - b.sequence || a.ordinal - b.ordinal);
}
