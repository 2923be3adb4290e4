/** A source folder with objects, the chunks that a listing of it shows, and an engine on it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Layout } from '../../src/core/layout.ts';
import type { Engine, ReadOutcome, ReadPlan, ReadResult, ReadTask } from '../../src/engine/engine.ts';
import type { ChunkVersion } from '../../src/objects/chunk.ts';
import { makeFileObjects } from '../../src/objects/file/file-objects.ts';
import type { ObjectInfo, Objects } from '../../src/objects/objects.ts';
import { makeTempFolder, removeFolder } from './temp-folder.ts';

/** An engine that reads from `objects`, which are the files below `sourceFolder`. */
export type MakeEngine = (objects: Objects, sourceFolder: string) => Engine | Promise<Engine>;

export class EngineWorld {
  readonly folder: string;
  readonly objects: Objects;
  readonly engine: Engine;

  private constructor(folder: string, objects: Objects, engine: Engine) {
    this.folder = folder;
    this.objects = objects;
    this.engine = engine;
  }

  static async make(makeEngine: MakeEngine): Promise<EngineWorld> {
    const folder = makeTempFolder('engine');
    const objects = makeFileObjects({ root: folder });
    return new EngineWorld(folder, objects, await makeEngine(objects, folder));
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.objects.close();
    removeFolder(this.folder);
  }

  put(key: string, content: Uint8Array | string): void {
    mkdirSync(dirname(join(this.folder, key)), { recursive: true });
    writeFileSync(join(this.folder, key), content);
  }

  remove(key: string): void {
    rmSync(join(this.folder, key), { recursive: true });
  }

  async info(key: string): Promise<ObjectInfo> {
    for await (const { objects } of this.objects.list()) for (const object of objects) if (object.key === key) return object;
    throw new Error(`${key} is not listed`);
  }

  /** The chunk of one object, put with this content. */
  async chunk(key: string, content: Uint8Array | string): Promise<ChunkVersion> {
    this.put(key, content);
    const object = await this.info(key);
    return { key, folder: false, parts: [object], version: object.version, state: { kind: 'ready' }, modified: object.modified };
  }

  /** The chunk of a folder with these parts, in this order. */
  async folderChunk(key: string, parts: readonly (readonly [name: string, content: Uint8Array | string])[]): Promise<ChunkVersion> {
    for (const [name, content] of parts) this.put(`${key}/${name}`, content);
    const objects = await Promise.all(parts.map(([name]) => this.info(`${key}/${name}`)));
    return { key, folder: true, parts: objects, version: JSON.stringify(objects), state: { kind: 'ready' }, modified: 0 };
  }

  async read(
    tasks: Iterable<ReadTask> | AsyncIterable<ReadTask>,
    plan: ReadPlan,
    signal = new AbortController().signal,
  ): Promise<ReadResult[]> {
    const results: ReadResult[] = [];
    for await (const result of this.engine.aggregate(tasks, plan, signal)) results.push(result);
    return results;
  }

  async readOne(chunk: ChunkVersion, plan: ReadPlan): Promise<ReadOutcome> {
    const [result] = await this.read([taskOf(chunk)], plan);
    if (result === undefined) throw new Error('no result');
    return result.outcome;
  }

  /** Of an object with this content. */
  async outcome(key: string, content: Uint8Array | string, plan: ReadPlan): Promise<ReadOutcome> {
    return this.readOne(await this.chunk(key, content), plan);
  }
}

export function taskOf(chunk: ChunkVersion): ReadTask {
  return { chunk, want: 'rows', applied: null };
}

export function planOf(layout: Layout, more: Partial<ReadPlan> = {}): ReadPlan {
  return { layout, columns: {}, csv: { delimiter: ',', quote: 'auto' }, maxChunkBytes: 1 << 30, ...more };
}
