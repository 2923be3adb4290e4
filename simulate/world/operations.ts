/** What a person does between two runs: commands that write into the pipeline. */
import type { PatternSource } from '../../src/patterns/pattern.ts';
import type { PipelineOptions } from '../../src/pipeline/options.ts';
import { rebuildPipeline } from '../../src/pipeline/rebuild.ts';
import type { Random } from '../../test/helpers/dataset/random.ts';

export interface Operation {
  readonly name: string;
  /** It decides what the statistics hold. */
  readonly rebuilds: boolean;
  /** Errors that say no more than that it cannot be done now. */
  readonly mayEnd: readonly string[];
  readonly act: (options: PipelineOptions, signal: AbortSignal) => Promise<unknown>;
}

export function chooseOperation(random: Random, set: readonly PatternSource[]): Operation {
  return random.chance(0.5) ? rebuild : reset(random.pick(set).id);
}

/** What was applied may have changed or gone since. */
const rebuild: Operation = { name: 'rebuilds', rebuilds: true, mayEnd: ['REBUILD_BLOCKED'], act: rebuildPipeline };

/** As `tallyho patterns reset` does it. Of a set that was never in force no id is known. */
function reset(id: string): Operation {
  return {
    name: `resets ${id}`,
    rebuilds: false,
    mayEnd: ['PATTERN_UNKNOWN'],
    async act({ store, claimWaitMs }, signal) {
      const writer = await store.claim({ waitMs: claimWaitMs, signal });
      try {
        await writer.resetPattern(id);
      } finally {
        await writer.release();
      }
    },
  };
}
