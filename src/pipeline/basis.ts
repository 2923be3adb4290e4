/**
 * Whether the statistics that are kept fit the patterns and input settings declared now (DESIGN.md 7).
 *
 * Decisions, made once at start:
 *   new      nothing was applied yet: take the declared layout
 *   go on    the set of patterns is the one in force
 *   changed  another set, which binds to the layout kept: evaluate it afresh (one `reevaluation`)
 *   rebuild  it needs measures that are not kept, or the input settings give the numbers another meaning: refused
 */
import { TallyhoError } from '../core/error.ts';
import type { Layout } from '../core/layout.ts';
import type { Plan } from '../core/plan.ts';
import type { Basis, PatternSet } from '../store/store.ts';
import type { DeclaredPatterns } from './options.ts';
import { isSameSet } from './pattern-ids.ts';

export type Fit =
  | { readonly kind: 'new'; readonly basis: Basis; readonly plan: Plan }
  | { readonly kind: 'go on'; readonly plan: Plan }
  | { readonly kind: 'changed'; readonly plan: Plan };

/** The reference that weights come from: its content, and how it is read. */
export interface ReferenceInput {
  readonly contentId: string;
  /** customer, merchant, weight -> header. */
  readonly columns: Readonly<Record<string, string>>;
}

interface Input {
  readonly scale: number;
  readonly weight: Layout['weight'];
  readonly columns: Readonly<Record<string, string>>;
  readonly reference: ReferenceInput | null;
}

/** Canonical JSON of the input settings that decide what the numbers mean. */
export function inputText(layout: Layout, columns: Readonly<Record<string, string>>, reference: ReferenceInput | null): string {
  const used = usedNames(layout);
  const input: Input = {
    scale: layout.scale,
    weight: layout.weight,
    columns: sorted(Object.entries(columns).filter(([name, header]) => used.includes(name) && header !== name)),
    reference: reference === null ? null : { contentId: reference.contentId, columns: sorted(Object.entries(reference.columns)) },
  };
  return JSON.stringify(input);
}

/** Our names of the columns that are read. */
function usedNames(layout: Layout): string[] {
  return [
    ...layout.dimensions.map((dimension) => dimension.name),
    ...(layout.amount ? ['amount'] : []),
    ...(layout.weight === 'column' || layout.weight === 'amount' ? ['weight'] : []),
  ];
}

function sorted(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export interface Kept {
  readonly basis: Basis | null;
  /** The set of patterns in force. */
  readonly patternSet: PatternSet | null;
  /** Neither a chunk nor the reference was ever applied. */
  readonly isEmpty: boolean;
}

export function fitBasis(
  kept: Kept,
  declared: DeclaredPatterns,
  columns: Readonly<Record<string, string>>,
  reference: ReferenceInput | null,
): Fit {
  if (kept.basis === null || kept.isEmpty) {
    const basis = { layout: declared.layout, input: inputText(declared.layout, columns, reference) };
    const bound = declared.bind(declared.layout);
    if (bound.kind === 'missing')
      throw new TallyhoError('INTERNAL', `patterns do not bind to their own layout: ${bound.missing.join('; ')}`);
    return { kind: 'new', basis, plan: bound.plan };
  }
  const bound = declared.bind(kept.basis.layout);
  if (bound.kind === 'missing') {
    throw new TallyhoError('REBUILD_NEEDED', `The patterns need statistics that are not kept: ${bound.missing.join('; ')}.`, {
      mend: 'Run `tallyho rebuild`, which reads all chunks again and keeps the detections; or take the patterns back to what they were.',
    });
  }
  const input = inputNow(kept.basis, declared.layout, columns, reference);
  if (input !== kept.basis.input) {
    throw new TallyhoError(
      'REBUILD_NEEDED',
      `The input settings have changed what the statistics mean: ${difference(kept.basis.input, input)}.`,
      {
        mend: 'Run `tallyho rebuild`, which reads all chunks again and keeps the detections; or take the settings back to what they were.',
      },
    );
  }
  const isSame = kept.patternSet !== null && isSameSet(kept.patternSet, declared.set);
  return { kind: isSame ? 'go on' : 'changed', plan: bound.plan };
}

/**
 * What the kept statistics would mean by the settings of now. Where no pattern speaks of weights any more, nothing says what
 * they should be: they stay what they are, and whoever names them again is compared with that.
 */
function inputNow(
  { layout, input }: Basis,
  declared: Layout,
  columns: Readonly<Record<string, string>>,
  reference: ReferenceInput | null,
): string {
  const isSilent = declared.weight === 'none';
  const before = JSON.parse(input) as Input;
  const now = { ...layout, scale: declared.scale, weight: isSilent ? layout.weight : declared.weight };
  return inputText(now, columns, isSilent ? before.reference : reference);
}

/**
 * Whether rows of chunks that were read by a basis are as the declared settings would read them, as far as these need them: a
 * number means the same, and no row would be refused that was not. The reference is read anew, and tells chunks nothing.
 */
export function isReadAlike({ layout, input }: Basis, declared: Layout, columns: Readonly<Record<string, string>>): boolean {
  const before = JSON.parse(input) as Input;
  const headerNow = Object.entries((JSON.parse(inputText(declared, columns, null)) as Input).columns);
  const used = new Set(usedNames(declared));
  const headerBefore = Object.entries(before.columns).filter(([name]) => used.has(name));
  const keys = new Set(layout.dimensions.flatMap(({ name, key }) => (key ? [name] : [])));
  return (
    declared.scale === layout.scale &&
    (declared.weight === 'none' || declared.weight === layout.weight) &&
    (layout.amount || !declared.amount) &&
    declared.dimensions.every(({ name, key }) => !key || keys.has(name)) &&
    JSON.stringify(headerNow) === JSON.stringify(headerBefore)
  );
}

export function isSameBasis(a: Basis | null, b: Basis): boolean {
  return a !== null && a.input === b.input && JSON.stringify(a.layout) === JSON.stringify(b.layout);
}

function difference(before: string, now: string): string {
  const left = JSON.parse(before) as Record<string, unknown>;
  const right = JSON.parse(now) as Record<string, unknown>;
  const changed = Object.keys(right).filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]));
  return changed.map((name) => `${name} was ${JSON.stringify(left[name])}, is ${JSON.stringify(right[name])}`).join('; ');
}
