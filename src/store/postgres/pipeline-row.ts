/** The pipeline's row with all that hangs on it, as one statement. */
import type { Layout } from '../../core/layout.ts';
import type { PatternSet, PipelineRow } from '../store.ts';
import { isHeld } from './holder.ts';
import type { Row } from './session.ts';

export const selectPipeline = `
select p.name, p.epoch, p.last_sequence, p.folded_sequence, p.last_detection_time, p.generation, p.layout, p.input,
  p.holder_pid, p.holder_start, ${isHeld} as held,
  coalesce((select max(position) from chunk), 0) as last_position,
  (select json_build_object('fingerprint', s.fingerprint, 'text', s.text, 'patterns', s.patterns)
    from pattern_set s order by s.from_sequence desc limit 1) as pattern_set,
  (select json_agg(json_build_object('id', q.id, 'action', q.action, 'entity', q.entity, 'generation', q.generation))
    from (select distinct on (id) id, action, entity, generation from pattern order by id, generation desc) q) as patterns
from pipeline p`;

export interface PipelineRecord extends Row {
  readonly name: string;
  readonly epoch: number;
  readonly last_sequence: number;
  readonly folded_sequence: number;
  readonly last_detection_time: Date | null;
  readonly generation: number;
  readonly layout: string | null;
  readonly input: string | null;
  readonly holder_pid: number | null;
  readonly holder_start: Date | null;
  readonly held: boolean | null;
  readonly last_position: number;
  readonly pattern_set: PatternSet | null;
  readonly patterns: PipelineRow['patterns'] | null;
}

export function pipelineRow(record: PipelineRecord): PipelineRow {
  return {
    name: record.name,
    epoch: record.epoch,
    lastSequence: record.last_sequence,
    foldedSequence: record.folded_sequence,
    basis: record.layout === null || record.input === null ? null : { layout: JSON.parse(record.layout) as Layout, input: record.input },
    patternSet: record.pattern_set,
    patterns: record.patterns ?? [],
    lastDetectionTime: record.last_detection_time,
    held: record.held === true,
  };
}
