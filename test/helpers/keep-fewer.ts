/** An engine that keeps fewer rejected rows of a chunk than ours do, so that few rows are many. */
import type { Engine } from '../../src/engine/engine.ts';

export function keepFewer(engine: Engine, most: number): Engine {
  return {
    async *aggregate(tasks, plan, signal) {
      for await (const result of engine.aggregate(tasks, plan, signal)) {
        const { outcome } = result;
        yield outcome.kind === 'rows' ? { ...result, outcome: { ...outcome, rejected: outcome.rejected.slice(0, most) } } : result;
      }
    },
    close: () => engine.close(),
  };
}
