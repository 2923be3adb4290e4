/** Patterns as the pipeline takes them: what they need, what identifies the set, and how they bind to kept statistics. */
import { bindPatterns } from '../patterns/bind.ts';
import { setFingerprint } from '../patterns/canonical.ts';
import type { Pattern } from '../patterns/pattern.ts';
import { type InputSettings, planLayout } from '../patterns/plan.ts';
import { setText } from '../patterns/set-text.ts';
import type { DeclaredPatterns } from './options.ts';

export function declarePatterns(patterns: readonly Pattern[], settings: InputSettings): DeclaredPatterns {
  return {
    layout: planLayout(patterns, settings),
    set: {
      fingerprint: setFingerprint(patterns),
      text: setText(patterns),
      patterns: patterns.map(({ id, action, entity }) => ({ id, action, entity })),
    },
    bind: (layout) => bindPatterns(patterns, layout),
  };
}
