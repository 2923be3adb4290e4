/** What a pipeline runs on, with a clock on each of its acts. Nothing else changes, and without --profile none of it is loaded. */
import type { Objects } from '../../objects/objects.ts';
import type { PipelineOptions } from '../../pipeline/options.ts';
import type { Store, Writer } from '../../store/store.ts';
import type { Phases } from './phases.ts';

export function watchedOptions(options: PipelineOptions, phases: Phases): PipelineOptions {
  return {
    ...options,
    sink: watchedSink(options.sink, phases),
    store: watchedStore(options.store, phases),
  };
}

export function watchedSource(source: Objects, phases: Phases): Objects {
  return {
    ...source,
    list: (signal, under) => phases.through('list', source.list(signal, under)),
    read: (...asked) => phases.through('read', source.read(...asked), ({ length }) => length),
  };
}

function watchedSink(sink: Objects, phases: Phases): Objects {
  return {
    ...sink,
    put: (key, bytes, ...rest) =>
      phases.during(
        'publish',
        () => sink.put(key, bytes, ...rest),
        () => bytes.length,
      ),
  };
}

function watchedStore(store: Store, phases: Phases): Store {
  return { ...bound(store), claim: async (claim) => watchedWriter(await phases.during('claim', () => store.claim(claim)), phases) };
}

function watchedWriter(writer: Writer, phases: Phases): Writer {
  return {
    ...bound(writer),
    get pipeline() {
      return writer.pipeline;
    },
    load: (detector) => phases.during('load', () => writer.load(detector)),
    known: () => phases.through('ledger', writer.known()),
    commit: (request) =>
      phases.during(
        'commit',
        () => writer.commit(request),
        () => request.entries.reduce((sum, { delta }) => sum + (delta?.length ?? 0), 0),
      ),
    fold: (...fold) => phases.during('fold', () => writer.fold(...fold)),
    markPublished: (keys) => phases.during('mark', () => writer.markPublished(keys)),
    release: () => phases.during('release', () => writer.release()),
  };
}

/** The methods of an object, be it an instance of a class or not, as an object that can be spread. */
function bound<T extends object>(thing: T): T {
  const names = new Set<string>();
  for (let at: object | null = thing; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null)
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  const entries = [...names].flatMap((name): [string, unknown][] => {
    const value: unknown = Reflect.get(thing, name);
    return name === 'constructor' ? [] : [[name, typeof value === 'function' ? (value.bind(thing) as unknown) : value]];
  });
  return Object.fromEntries(entries) as T;
}
