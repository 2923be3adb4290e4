/**
 * A state of so many pairs (synthetic.ts) on a private server, made by `tallyho run --once` over the base. Made once in one
 * run of the benches, and handed on: whoever adds chunks to it says so by `nextChunk`.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readPidFile } from '../../src/store/private-server/processes.ts';
import { stateFolderAt } from '../../src/store/private-server/state-folder.ts';
import { makeTempFolder, removeFolder } from '../../test/helpers/temp-folder.ts';
import { isAlive } from './process-tree.ts';
import { type Shape, writeBase } from './synthetic.ts';
import { runWatched, type WatchedRun } from './watched-run.ts';

export interface State {
  readonly folder: string;
  readonly source: string;
  readonly config: string;
  readonly shape: Shape;
  readonly base: { readonly rows: number; readonly files: number; readonly bytes: number };
  /** Of the run that made it. */
  readonly made: WatchedRun;
  /** Number of the first chunk (synthetic.ts) that it does not have. */
  nextChunk: number;
}

const states = new Map<string, Promise<State>>();

export function stateOf(shape: Shape): Promise<State> {
  const name = `${shape.pairs} ${shape.gate}`;
  const found = states.get(name) ?? makeState(shape);
  states.set(name, found);
  return found;
}

/** At the end of all benches. */
export async function removeStates(): Promise<void> {
  const made = await Promise.allSettled(states.values());
  states.clear();
  for (const state of made) {
    if (state.status !== 'fulfilled') continue;
    await untilStopped(state.value);
    removeFolder(state.value.folder);
  }
}

/** The private server has ended by itself: what it has in memory is no part of what comes next. */
export async function untilStopped({ folder }: Pick<State, 'folder'>): Promise<void> {
  for (;;) {
    const pid = (await readPidFile(stateFolderAt(join(folder, 'state')).data))?.pid;
    if (pid === undefined || !isAlive(pid)) return;
    await sleep(50);
  }
}

/** Where config, source, sink and state of one detector lie. */
export function makePlace(
  folder: string,
  gate: number,
  source = join(folder, 'source'),
  name = 'tallyho.yaml',
): { readonly source: string; readonly config: string } {
  const config = join(folder, name);
  mkdirSync(source, { recursive: true });
  writeFileSync(config, configText(folder, source, gate));
  return { source, config };
}

async function makeState(shape: Shape): Promise<State> {
  const folder = makeTempFolder(`bench-state-${shape.pairs}`);
  try {
    const { source, config } = makePlace(folder, shape.gate);
    console.error(`Making a state of ${shape.pairs.toLocaleString('en-US')} pairs ...`);
    const base = writeBase(source, shape);
    const made = await runWatched(config, join(folder, 'state'), folder);
    console.error(`... ${base.rows.toLocaleString('en-US')} rows in ${base.files} chunks took ${(made.wallMs / 1000).toFixed(1)} s.`);
    rmSync(source, { recursive: true });
    mkdirSync(source);
    const state: State = { folder, source, config, shape, base, made, nextChunk: 0 };
    await untilStopped(state);
    return state;
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

/** The preset `full`, whose gate may be lower in a small state. A chunk is read as soon as it is listed. */
function configText(folder: string, source: string, gate: number): string {
  return `source: { url: '${source}/', poll: 10ms, settle: 0s }
sink: '${folder}/output/'
state: '${folder}/state/'
weight: amount
patterns:
  - { id: PatId1, action: UPGRADE, entity: [merchant, customer], when: ['merchant.count > ${gate}', 'count in top 10% of merchant', 'avg(weight) in bottom 10% of merchant'] }
  - { id: PatId2, action: CHILD, entity: [merchant, customer], when: ['count >= 80', 'avg(amount) < 23'] }
  - { id: PatId3, action: DEI-NEEDED, entity: [merchant], when: ['distinct(customer where gender = F) > 100', 'distinct(customer where gender = F) < distinct(customer where gender = M)'] }
`;
}
