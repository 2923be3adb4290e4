/**
 * What an id stands for, and since when: an id means the same for ever, or its detections would speak of two things, and a
 * reset (`Writer.resetPattern`) makes it detect afresh.
 *
 * A reset changes nothing but the pattern's generation, so the set of patterns in force notes the generations that it was
 * evaluated with. A set whose generations are others now counts as changed, and the next start evaluates it afresh: one
 * `reevaluation`, which detects all that is true once more.
 */
import { TallyhoError } from '../core/error.ts';
import type { PatternSet, PipelineRow } from '../store/store.ts';

type Known = PipelineRow['patterns'];
type Generation = readonly [id: string, generation: number];

/** The declared set with the generations of those of its patterns that were ever reset. */
export function withGenerations(set: PatternSet, known: Known): PatternSet {
  const reset = set.patterns.flatMap(({ id }): Generation[] => {
    const generation = known.find((pattern) => pattern.id === id)?.generation ?? 1;
    return generation > 1 ? [[id, generation]] : [];
  });
  if (reset.length === 0) return set;
  const generations = reset.sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...set, text: JSON.stringify({ ...(JSON.parse(set.text) as object), generations }) };
}

/** Whether the two are evaluated alike: other spellings of the same patterns are. */
export function isSameSet(a: PatternSet, b: PatternSet): boolean {
  return a.fingerprint === b.fingerprint && JSON.stringify(generationsOf(a)) === JSON.stringify(generationsOf(b));
}

function generationsOf({ text }: PatternSet): unknown {
  return (JSON.parse(text) as { generations?: unknown }).generations ?? [];
}

/**
 * Refuses an id that has detected something as another pattern. Of one that was ever reset only the commit can tell what
 * its current generation has detected; it refuses with the same code.
 */
export async function assertIds(known: Known, set: PatternSet, hasDetected: (id: string) => Promise<boolean>): Promise<void> {
  for (const pattern of set.patterns) {
    const before = known.find(({ id }) => id === pattern.id);
    if (before === undefined || before.generation > 1 || isSameMeaning(before, pattern)) continue;
    if (!(await hasDetected(pattern.id))) continue;
    throw new TallyhoError(
      'PATTERN_ID_REUSED',
      `Pattern ${pattern.id} stood for ${before.action} of [${before.entity.join(', ')}], and is now declared as ${pattern.action} of [${pattern.entity.join(', ')}].`,
      { mend: `Give the new pattern an id of its own, or forget what it detected: \`tallyho patterns reset ${pattern.id}\`.` },
    );
  }
}

/** Another order of the same dimensions is no other entity. */
function isSameMeaning(a: Omit<Known[number], 'generation'>, b: Omit<Known[number], 'generation'>): boolean {
  return a.action === b.action && a.entity.length === b.entity.length && a.entity.every((name) => b.entity.includes(name));
}
