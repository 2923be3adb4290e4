/** Publishes what was committed and is not published yet, in order, for commands that are no detectors. */
import type { Writer } from '../store/store.ts';
import type { PipelineOptions } from './options.ts';
import { makePublisher } from './publisher.ts';
import { publishPending } from './session.ts';

export async function publishAll(options: PipelineOptions, writer: Writer, signal: AbortSignal): Promise<void> {
  const publisher = makePublisher({
    sink: options.sink,
    onPut: () => undefined,
    mark: (keys) => writer.markPublished(keys),
    markIncident: (key, detail) => writer.markIncident(key, detail),
    on: options.on,
  });
  try {
    await publishPending(writer, options.sink, publisher, signal);
  } finally {
    await publisher.stop();
  }
}
