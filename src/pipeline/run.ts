/** Drives a pipeline: see runPipeline. */
import type { PipelineOptions } from './options.ts';
import type { RunSummary } from './summary.ts';

export interface RunMode {
  /** Take all that is there, publish, fold, and end. */
  readonly once: boolean;
  /** Aborted: finish the commit in hand, publish, fold, and end without an error. */
  readonly signal: AbortSignal;
}

export function runPipeline(_options: PipelineOptions, _mode: RunMode): Promise<RunSummary> {
  throw new Error('being written');
}
