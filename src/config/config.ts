/** A checked config: every setting there, every relative path resolved. Frozen in depth. */
import type { Location } from '../objects/location.ts';
import type { S3Settings } from '../objects/s3/client.ts';
import type { Pattern } from '../patterns/pattern.ts';
import type { PresetName } from '../patterns/presets.ts';
import type { Percent } from '../pipeline/options.ts';
import type { Csv } from '../reader/csv.ts';

/** A place of objects: as written, and what it means. */
export interface Place {
  readonly url: string;
  readonly location: Location;
}

export interface SourceConfig extends Place {
  readonly pollMs: number;
  readonly settleMs: number;
  readonly waitForMs: number;
  /** Our name -> header. */
  readonly columns: Readonly<Record<string, string>>;
  readonly csv: Csv;
  readonly scale: number;
  readonly maxBadRows: Percent;
  readonly onBadChunk: 'skip' | 'halt';
  readonly onDuplicate: 'skip' | 'apply';
  readonly onChanged: 'report' | 'correct';
  readonly maxChunkBytes: number;
}

export type StoreConfig =
  | { readonly kind: 'url'; readonly url: string; readonly keepDeltas: number }
  /** `folder` is absolute. */
  | { readonly kind: 'private'; readonly folder: string; readonly keepDeltas: number; readonly minFree: number };

export type WeightConfig =
  /** Chunks have a column for it, where patterns need it. */
  | { readonly kind: 'column' }
  | { readonly kind: 'amount' }
  | { readonly kind: 'reference'; readonly file: Place; readonly columns: Readonly<Record<string, string>> };

export interface Config {
  /** As messages name it, and as a person can type it again. */
  readonly file: string;
  /** The folder that relative paths count from; absolute. */
  readonly folder: string;
  readonly pipeline: string;
  readonly source: SourceConfig;
  readonly sink: Place & { readonly timeZone: string };
  readonly store: StoreConfig;
  readonly engine: 'local';
  readonly weight: WeightConfig;
  /** Checked, with all fields that the config knows. */
  readonly patterns: readonly Pattern[];
  readonly preset: PresetName | null;
  readonly s3: S3Settings;
}
