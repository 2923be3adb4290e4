/**
 * Shows a detector at work, on stderr.
 *
 * On a terminal a bar stands while several chunks are in hand, and single chunks get a line each. Elsewhere there are
 * only lines, at most one a second for chunks that apply. What a person may have to act on always gets its line.
 */
import { TallyhoError } from '../core/error.ts';
import { printable } from '../objects/key.ts';
import type { PipelineEvent } from '../pipeline/events.ts';
import { type Bar, makeBar } from './bar.ts';
import { makeBurst } from './burst.ts';
import { say as sayPlainly } from './output.ts';
import { counted, grouped, lasting } from './words.ts';

export interface RunView {
  readonly on: (event: PipelineEvent) => void;
  /** A line of another's. */
  readonly say: (text: string) => void;
  readonly end: () => void;
}

export interface RunViewOptions {
  readonly isTerminal: boolean;
  /** Told at the first idle moment; null where there is none. */
  readonly watching: string | null;
}

/** Fewer chunks than this need no bar. */
const barFrom = 3;
const linesEveryMs = 1000;

export function makeRunView({ isTerminal, watching }: RunViewOptions): RunView {
  const burst = makeBurst();
  let bar: Bar | null = null;
  let hope = watching;
  let lastTold = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let todo = 0;
  const done = { chunks: 0, rows: 0, detections: 0 };

  const say = (text: string): void => (bar === null ? sayPlainly(text) : bar.say(text));
  function tell(): void {
    clearTimeout(timer);
    for (const text of burst.take()) say(text);
    lastTold = performance.now();
  }
  /** Now, or when the last was told long enough ago. */
  function tellSoon(): void {
    const wait = lastTold + linesEveryMs - performance.now();
    if (wait <= 0) tell();
    else {
      clearTimeout(timer);
      timer = setTimeout(tell, wait).unref();
    }
  }
  function endBar(): void {
    bar?.end();
    bar = null;
  }
  function draw(): void {
    bar?.update(done.chunks, todo, `chunks, ${grouped(done.rows)} rows, ${grouped(done.detections)} detections`);
  }

  function on(event: PipelineEvent): void {
    switch (event.kind) {
      case 'listed':
        if (event.todo === 0) return;
        if (bar === null) Object.assign(done, { chunks: 0, rows: 0, detections: 0 });
        todo = done.chunks + event.todo;
        if (isTerminal && bar === null && event.todo >= barFrom) bar = makeBar('  reading');
        draw();
        return;
      case 'evaluated': {
        const { line } = event;
        if (line.kind !== 'chunk' && line.kind !== 'correction') return;
        done.chunks++;
        done.rows += line.rows;
        done.detections += line.detections;
        draw();
        return;
      }
      case 'committed':
        for (const line of event.lines) burst.add(line);
        if (bar === null && performance.now() - lastTold >= linesEveryMs) tell();
        return;
      case 'idle':
        endBar();
        if (hope === null) return tellSoon();
        tell();
        say(hope);
        hope = null;
        return;
      case 'held':
        say(`${event.by} Waiting for it to end.`);
        return;
      case 'lease-trouble':
        say(
          `The lease is renewed between steps of work only, so one that takes longer than it may lose the pipeline to another detector: ${event.why}`,
        );
        return;
      case 'loaded':
        if (event.entities > 0) say(`Loaded the statistics of ${counted(event.entities, 'entity', 'entities')} in ${lasting(event.ms)}.`);
        return;
      case 'reference':
        say(`Read the reference: ${counted(event.rows, 'row')}${event.rejected === 0 ? '' : `, ${grouped(event.rejected)} of them bad`}.`);
        return;
      case 'reevaluated':
        say(`The patterns have changed: evaluated everything again, ${counted(event.detections, 'new detection')}.`);
        return;
      case 'adopted':
        say(
          `The output was ahead: ${counted(event.folders, 'folder')} adopted, ${counted(event.detections, 'detection')} in them count as made.`,
        );
        return;
      case 'incident':
        say(`INCIDENT: ${printable(event.key)} ${event.detail}`);
        return;
      case 'retry': {
        const { error } = event;
        const code = error instanceof TallyhoError ? ` [${error.code}]` : '';
        say(`${error.message}${code} Trying again in ${lasting(event.inMs)}.`);
        return;
      }
      case 'rebuilt':
        if (isTerminal && bar === null) bar = makeBar('  reading again');
        bar?.update(event.done, event.of, 'chunks');
        return;
      case 'stopping':
        endBar();
        return;
      case 'claimed':
      case 'published':
      case 'folded':
        return;
    }
  }

  return {
    on,
    say,
    end() {
      endBar();
      tell();
    },
  };
}
