/**
 * Planted bugs: what the simulation must find. Each breaks one rule in one place, as a slip of ours might; a test runs seeds
 * until each of them is found. (Those that need a change of the sources themselves are told of in docs/simulation.md.)
 */
import type { PipelineOptions } from '../src/pipeline/options.ts';
import type { RebuildOptions } from '../src/pipeline/rebuild.ts';
import type { Store, Writer } from '../src/store/store.ts';
import { withMethods } from '../test/helpers/with-methods.ts';
import type { SimulateOptions } from './simulate.ts';
import type { Database } from './store/database.ts';

interface Plant extends SimulateOptions {
  /** The rule that it breaks. */
  readonly rule: string;
}

const inPipeline = (rule: string, plant: (options: PipelineOptions) => Partial<RebuildOptions>): Plant => ({
  rule,
  plant: (options) => ({ ...options, ...plant(options) }),
});

function withWriter(store: Store, change: (writer: Writer) => Partial<Writer>): Store {
  return withMethods(store, {
    async claim(options) {
      const writer = await store.claim(options);
      return withMethods(writer, change(writer));
    },
  });
}

export const plants: Readonly<Record<string, Plant>> = {
  'no-epoch-check': {
    rule: 'PROTOCOL 3.1: a commit is refused when another has taken over',
    plantDatabase(database: Database) {
      database.checksEpoch = false;
    },
  },
  'publish-before-commit': inPipeline('law 3: nothing is published before its commit', ({ store, sink }) => ({
    store: withWriter(store, (writer) => ({
      async commit(request) {
        for (const { files } of request.entries) for (const { key, bytes } of files) await sink.put(key, bytes);
        await writer.commit(request);
      },
    })),
  })),
  'unanswered-is-done': inPipeline('PROTOCOL 3.3: after an unanswered COMMIT the ledger is read before anything else', ({ store }) => ({
    store: withWriter(store, (writer) => ({
      commit: (request) =>
        writer.commit(request).catch((error: unknown) => {
          if (!isUnknown(error)) throw error;
        }),
    })),
  })),
  'count-duplicates': inPipeline('PROTOCOL 2.1: the bytes of an applied chunk under another name are not counted', ({ store }) => ({
    store: withWriter(store, () => ({ findContent: () => Promise.resolve(null) })),
  })),
  'fold-twice': inPipeline('PROTOCOL 3.5: what lags behind the watermark is folded once', ({ store }) => ({
    store: withWriter(store, (writer) => ({
      load: async (detector) => {
        await writer.load(detector);
        const rows = detector.takeFold();
        detector.returnFold(rows);
        detector.returnFold(rows);
      },
    })),
  })),
  'hidden-part': inPipeline('PROTOCOL 2.3: all parts of a folder are read', ({ source }) => ({
    source: withMethods(source, {
      async *list(signal, under) {
        for await (const page of source.list(signal, under))
          yield { ...page, objects: page.objects.filter(({ key }) => !key.includes('/part-2')) };
      },
    }),
  })),
  'put-not-awaited': inPipeline('contract of objects: a put is durable when it returns', ({ sink }) => ({
    sink: withMethods(sink, {
      put(key, bytes) {
        void sink.put(key, bytes).catch(() => undefined);
        return Promise.resolve('put' as const);
      },
    }),
  })),
  'forget-pending': inPipeline('PROTOCOL 4: what was committed and not published is published by the next life', ({ store }) => ({
    store: withWriter(store, () => ({ pendingFiles: () => Promise.resolve([]) })),
  })),
  'forget-contents': {
    rule: 'PROTOCOL 1.4: what a correction takes out is what the contents before added, and not what their entry added',
    plantDatabase(database: Database) {
      const write = database.write.bind(database);
      database.write = (name, epoch, doing, change) =>
        write(name, epoch, doing, (state) => {
          const after = change(state);
          return after === null ? null : { ...after, contents: new Map() };
        });
    },
  },
  'reset-unnoticed': inPipeline('a reset pattern detects afresh with the next start', ({ store }) => ({
    store: withWriter(store, (writer) => ({
      pipeline: { ...writer.pipeline, patterns: writer.pipeline.patterns.map((pattern) => ({ ...pattern, generation: 1 })) },
    })),
  })),
  'rebuild-takes-changed': inPipeline('PROTOCOL 3.9: rebuild reads the bytes that were applied, and no others', () => ({
    acceptChanged: true,
  })),
  'rebuild-drops-a-grain': inPipeline('PROTOCOL 3.9: rebuild replaces the statistics as a whole', ({ store }) => ({
    store: withWriter(store, (writer) => ({
      rebuild: (request) => writer.rebuild({ ...request, statistics: request.statistics.slice(1) }),
    })),
  })),
};

function isUnknown(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'STORE_UNKNOWN_COMMIT';
}
