/** What reading commands share: the config, a reader of its state, and a kind word where there is none yet. */
import type { Config } from '../config/config.ts';
import type { PipelineRow, StoreReader } from '../store/store.ts';
import type { Call } from './call.ts';
import { say } from './output.ts';

export interface Reading {
  readonly config: Config;
  readonly reader: StoreReader & { readonly describe: string };
  readonly pipeline: PipelineRow;
}

/** `work` with a reader; `nothing` where this pipeline has never run, which is no fault. */
export async function withReading(
  call: Call,
  work: (reading: Reading) => Promise<void>,
  nothing: (config: Config) => Promise<void>,
): Promise<void> {
  const [{ loadConfig }, { openReader }] = await Promise.all([import('../config/load-config.ts'), import('./open-store.ts')]);
  const config = await loadConfig(call.configFile, call.env);
  const reader = await openReader(config);
  if (reader === null) {
    sayNothingYet(config);
    return nothing(config);
  }
  try {
    const pipeline = await reader.pipeline();
    if (pipeline === null) {
      sayNothingYet(config);
      await nothing(config);
    } else await work({ config, reader, pipeline });
  } finally {
    await reader.close();
  }
}

function sayNothingYet(config: Config): void {
  say(`The pipeline "${config.pipeline}" of ${config.file} has not run yet. Start it: \`tallyho run\`.`);
}

export const jsonFlag = ['--json', 'as JSON'] as const;

export interface JsonFlag {
  readonly json?: boolean;
}
