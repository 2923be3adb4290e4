/**
 * Detected entities of one grain that the state does not have (yet): kept aside, so that they disturb no id.
 *
 * State: dictionaries and an entity table of its own, and for each pattern the bits of its entities there. When the state
 * gains an entity, its bytes are looked up here once, and the bits go over.
 * Cost: nothing while empty; then O(key) a new entity.
 */
import { Detected } from './detected.ts';
import { Dictionary } from './dictionary.ts';
import { EntityTable } from './entity-table.ts';
import { NONE } from './hash-index.ts';

export class Aside {
  private readonly dictionaries: readonly Dictionary[];
  private readonly table: EntityTable;
  private readonly detected = new Map<number, Detected>();

  constructor(width: number) {
    this.dictionaries = Array.from({ length: width }, () => new Dictionary());
    this.table = new EntityTable(width);
  }

  get isEmpty(): boolean {
    return this.detected.size === 0;
  }

  add(pattern: number, values: readonly string[]): void {
    const keys = values.map((value, i) => Uint32Array.of((this.dictionaries[i] as Dictionary).internText(value)));
    const entity = new Uint32Array(1);
    this.table.resolve(keys, 1, entity, 0);
    let detected = this.detected.get(pattern);
    if (detected === undefined) {
      detected = new Detected();
      this.detected.set(pattern, detected);
    }
    detected.add(entity[0] as number);
  }

  /** The patterns that have detected the entity of these values (in the grain's order). */
  patternsOf(values: readonly Uint8Array[]): number[] {
    if (this.isEmpty) return [];
    const key: number[] = [];
    for (let i = 0; i < values.length; i++) {
      const bytes = values[i] as Uint8Array;
      const id = (this.dictionaries[i] as Dictionary).find(bytes, 0, bytes.length);
      if (id === NONE) return [];
      key.push(id);
    }
    const entity = this.table.find(key);
    if (entity === NONE) return [];
    return [...this.detected].filter(([, detected]) => detected.has(entity)).map(([pattern]) => pattern);
  }
}
