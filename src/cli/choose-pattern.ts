/** The pattern that an id means, bound to the statistics that are kept; and the values of its entity. */
import type { Config } from '../config/config.ts';
import { TallyhoError } from '../core/error.ts';
import type { Plan, PlannedPattern } from '../core/plan.ts';
import { bindPatterns } from '../patterns/bind.ts';
import { setFingerprint } from '../patterns/canonical.ts';
import { suggest } from '../patterns/nearest.ts';
import { parseSetText } from '../patterns/set-text.ts';
import type { PipelineRow } from '../store/store.ts';

export interface ChosenPattern {
  readonly plan: Plan;
  /** Index in `plan.patterns`. */
  readonly index: number;
  /** For people: where config and state differ. */
  readonly notes: readonly string[];
}

/** The set in force explains; a pattern that only the config has is shown as it would stand. */
export function choosePattern(id: string, config: Config, pipeline: PipelineRow): ChosenPattern {
  const inForce = pipeline.patternSet === null ? [] : parseSetText(pipeline.patternSet.text);
  const declared = config.patterns;
  const isInForce = inForce.some((pattern) => pattern.id === id);
  const patterns = isInForce ? inForce : declared;
  const index = patterns.findIndex((pattern) => pattern.id === id);
  if (index < 0) {
    const ids = [...new Set([...declared, ...inForce].map((pattern) => pattern.id))];
    throw new TallyhoError('PATTERN_UNKNOWN', `There is no pattern "${id}".`, { mend: suggest(id, ids, 'Patterns are') });
  }
  if (pipeline.basis === null) {
    throw new TallyhoError('USAGE', `Nothing is counted yet, so there is nothing to explain.`, {
      mend: 'Start the detector: `tallyho run`.',
    });
  }
  const bound = bindPatterns(patterns, pipeline.basis.layout);
  if (bound.kind === 'missing') {
    throw new TallyhoError('REBUILD_NEEDED', `${id} needs statistics that are not kept: ${bound.missing.join('; ')}.`, {
      mend: 'Run `tallyho rebuild`.',
    });
  }
  const notes: string[] = [];
  if (!isInForce)
    notes.push(`${id} is declared in ${config.file} and not in force yet: shown as it stands now. The next \`tallyho run\` evaluates it.`);
  else if (setFingerprint(declared) !== pipeline.patternSet?.fingerprint) {
    notes.push(`${config.file} declares other patterns than those in force, which are shown. The next \`tallyho run\` takes the new ones.`);
  }
  return { plan: bound.plan, index, notes };
}

/** `M1 C1` in declared order, or `customer=C1 merchant=M1`. */
export function entityValues({ id, entity }: PlannedPattern, given: readonly string[]): readonly string[] {
  const named = new Map(given.map((text) => [text.slice(0, Math.max(0, text.indexOf('='))), text.slice(text.indexOf('=') + 1)]));
  if (given.length === entity.length && entity.every((name) => named.has(name))) return entity.map((name) => named.get(name) ?? '');
  if (given.length === entity.length) return given;
  const example = `\`tallyho explain ${id} ${entity.map((name) => name.toUpperCase()).join(' ')}\``;
  throw new TallyhoError(
    'USAGE',
    `${id} speaks about ${entity.join(' and ')}: it needs ${entity.length} ${entity.length === 1 ? 'value' : 'values'}, not ${given.length}.`,
    {
      mend: `Write ${example}, or NAME=VALUE for each.`,
    },
  );
}
