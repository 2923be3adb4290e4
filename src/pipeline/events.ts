/** What the pipeline tells while it runs; the CLI shows it. Nothing depends on anybody listening. */
import type { LedgerLine } from '../store/store.ts';

export type PipelineEvent =
  /** Another detector holds the pipeline, and is waited for; `by` is a sentence. */
  | { readonly kind: 'held'; readonly by: string }
  /** The lease is renewed between steps of work only. */
  | { readonly kind: 'lease-trouble'; readonly why: string }
  | { readonly kind: 'claimed'; readonly epoch: number; readonly lastSequence: number }
  | { readonly kind: 'loaded'; readonly entities: number; readonly ms: number }
  | { readonly kind: 'reference'; readonly rows: number; readonly rejected: number }
  | { readonly kind: 'reevaluated'; readonly detections: number }
  /** Folders of the output that this state did not plan, and the detections in them that it did not know. */
  | { readonly kind: 'adopted'; readonly folders: number; readonly detections: number }
  /** A listing found so many chunks to look at; `folders` wait. */
  | { readonly kind: 'listed'; readonly todo: number; readonly waiting: number; readonly ms: number }
  /** Evaluated in memory; not yet committed. */
  | { readonly kind: 'evaluated'; readonly line: LedgerLine; readonly notes: readonly string[] }
  | { readonly kind: 'committed'; readonly lines: readonly LedgerLine[]; readonly ms: number }
  | { readonly kind: 'published'; readonly key: string }
  | { readonly kind: 'incident'; readonly key: string; readonly detail: string }
  | { readonly kind: 'folded'; readonly to: number; readonly rows: number; readonly ms: number }
  | { readonly kind: 'retry'; readonly error: Error; readonly inMs: number }
  | { readonly kind: 'rebuilt'; readonly done: number; readonly of: number }
  /** Nothing to do: all there was is committed, published and folded. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'stopping' };
