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
import type { Basis, PipelineRow } from '../store/store.ts';
import type { DeclaredPatterns } from './options.ts';

export type Fit =
  | { readonly kind: 'new'; readonly basis: Basis; readonly plan: Plan }
  | { readonly kind: 'go on'; readonly plan: Plan }
  | { readonly kind: 'changed'; readonly plan: Plan };

/** Canonical JSON of the input settings that decide what the numbers mean. */
export function inputText(layout: Layout, columns: Readonly<Record<string, string>>, referenceId: string | null): string {
  const used = [
    ...layout.dimensions.map((dimension) => dimension.name),
    ...(layout.amount ? ['amount'] : []),
    ...(layout.weight === 'none' ? [] : ['weight']),
  ];
  const mapped = used.filter((name) => columns[name] !== undefined && columns[name] !== name).sort();
  return JSON.stringify({
    scale: layout.scale,
    weight: layout.weight,
    columns: Object.fromEntries(mapped.map((name) => [name, columns[name]])),
    reference: referenceId,
  });
}

export function fitBasis(
  pipeline: PipelineRow,
  declared: DeclaredPatterns,
  columns: Readonly<Record<string, string>>,
  referenceId: string | null,
): Fit {
  assertIds(pipeline, declared);
  const kept = pipeline.basis;
  if (kept === null || isEmpty(pipeline, kept)) {
    const basis = { layout: declared.layout, input: inputText(declared.layout, columns, referenceId) };
    const bound = declared.bind(declared.layout);
    if (bound.kind === 'missing')
      throw new TallyhoError('INTERNAL', `patterns do not bind to their own layout: ${bound.missing.join('; ')}`);
    return { kind: 'new', basis, plan: bound.plan };
  }
  const bound = declared.bind(kept.layout);
  if (bound.kind === 'missing') {
    throw new TallyhoError('REBUILD_NEEDED', `The patterns need statistics that are not kept: ${bound.missing.join('; ')}.`, {
      mend: 'Run `tallyho rebuild`, which reads all chunks again and keeps the detections; or take the patterns back to what they were.',
    });
  }
  const input = inputText(kept.layout, columns, referenceId);
  if (input !== kept.input) {
    throw new TallyhoError(
      'REBUILD_NEEDED',
      `The input settings have changed what the statistics mean: ${difference(kept.input, input)}.`,
      {
        mend: 'Run `tallyho rebuild`, which reads all chunks again and keeps the detections; or take the settings back to what they were.',
      },
    );
  }
  const same = pipeline.patternSet?.fingerprint === declared.set.fingerprint;
  return { kind: same ? 'go on' : 'changed', plan: bound.plan };
}

/** An id means the same for ever, or its detections would speak of two things. */
export function assertIds(pipeline: PipelineRow, declared: DeclaredPatterns): void {
  for (const pattern of declared.set.patterns) {
    const before = pipeline.patterns.find((known) => known.id === pattern.id);
    if (before === undefined) continue;
    if (before.action === pattern.action && JSON.stringify(before.entity) === JSON.stringify(pattern.entity)) continue;
    throw new TallyhoError(
      'PATTERN_ID_REUSED',
      `Pattern ${pattern.id} stood for ${before.action} of [${before.entity.join(', ')}], and is now declared as ${pattern.action} of [${pattern.entity.join(', ')}].`,
      { mend: `Give the new pattern an id of its own, or forget what it detected: \`tallyho patterns reset ${pattern.id}\`.` },
    );
  }
}

function difference(before: string, now: string): string {
  const left = JSON.parse(before) as Record<string, unknown>;
  const right = JSON.parse(now) as Record<string, unknown>;
  const changed = Object.keys(right).filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]));
  return changed.map((name) => `${name} was ${JSON.stringify(left[name])}, is ${JSON.stringify(right[name])}`).join('; ');
}

/** Nothing counts yet, so another basis costs nothing. */
function isEmpty(pipeline: PipelineRow, basis: Basis): boolean {
  const { reference } = JSON.parse(basis.input) as { reference: string | null };
  return pipeline.lastSequence === 0 && reference === null;
}
