/**
 * Where the main process of catch-up spends its CPU: one run under `node --cpu-prof`, self time by part of the program
 * and by function. A profile costs, so its times are shares, not results.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTimed } from '../lib/timed-command.ts';
import { withWorkspace } from '../lib/workspace.ts';
import { command, environment, initialise, type Place, waitUntilStopped, writeConfig } from './detector.ts';
import { makeInput } from './input.ts';

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

const intervalUs = 200;

export async function profileCatchUp(): Promise<string> {
  return withWorkspace('profile', async ({ folder }) => {
    const input = makeInput(folder);
    const place: Place = { folder: join(folder, 'place'), database: null, postmaster: null };
    const profiles = join(folder, 'profiles');
    mkdirSync(place.folder);
    await initialise(place, input);
    await waitUntilStopped(place);
    const [node = process.execPath, ...rest] = command(writeConfig(place, 'run', input.chunks));
    const flags = ['--cpu-prof', `--cpu-prof-interval=${intervalUs}`, `--cpu-prof-dir=${profiles}`];
    const { code, stderr, wallMs, cpuMs } = await runTimed([node, ...flags, ...rest], { cwd: place.folder, env: environment(place) });
    if (code !== 0) throw new Error(stderr);
    await waitUntilStopped(place);
    const texts = readdirSync(profiles).map((name) => profileText(JSON.parse(readFileSync(join(profiles, name), 'utf8')) as Profile));
    return [`wall ${wallMs.toFixed(0)} ms, CPU ${cpuMs.toFixed(0)} ms under the profiler`, ...texts].join('\n\n');
  });
}

function profileText({ nodes, samples, timeDeltas }: Profile): string {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const byPart = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let total = 0;
  samples.forEach((id, i) => {
    const frame = byId.get(id)?.callFrame;
    const ms = (timeDeltas[i] ?? 0) / 1000;
    if (frame === undefined || frame.functionName === '(idle)') return;
    total += ms;
    add(byPart, partOf(frame.url, frame.functionName), ms);
    add(byFunction, `${frame.functionName || '(anonymous)'} ${placeOf(frame.url)}:${frame.lineNumber + 1}`, ms);
  });
  return [
    `Main thread, ${total.toFixed(0)} ms, by part:`,
    ...table(byPart, 30, total),
    '',
    'by function:',
    ...table(byFunction, 60, total),
  ].join('\n');
}

function partOf(url: string, functionName: string): string {
  if (url === '') return functionName;
  if (url.startsWith('node:')) return url.includes('/modules/') ? 'node: loading modules' : 'node: other';
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) return `package ${dependency}`;
  return /\/dist\/([^/]+(?:\/[^/]+(?=\/))?)/.exec(url)?.[1] ?? url;
}

function placeOf(url: string): string {
  return url.replace(/^.*\/(dist|node_modules)\//, '');
}

function add(sums: Map<string, number>, key: string, ms: number): void {
  sums.set(key, (sums.get(key) ?? 0) + ms);
}

function table(sums: ReadonlyMap<string, number>, most: number, total: number): string[] {
  const rows = [...sums].toSorted((a, b) => b[1] - a[1]).slice(0, most);
  return rows.map(([name, ms]) => `${ms.toFixed(1).padStart(8)} ms ${((100 * ms) / total).toFixed(1).padStart(5)}%  ${name}`);
}
