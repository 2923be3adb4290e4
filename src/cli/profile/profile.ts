/** `tallyho run --profile`: where the time of a run went. */
import type { Objects } from '../../objects/objects.ts';
import type { PipelineOptions } from '../../pipeline/options.ts';
import { makeTable } from '../table.ts';
import { grouped, sized } from '../words.ts';
import { type Phase, Phases } from './phases.ts';
import { type Sampled, startSampler } from './sampler.ts';
import { watchedOptions, watchedSource } from './watched.ts';

export interface Profile {
  /** The same, with a clock on each act. The source before an engine is made of it. */
  source(source: Objects): Objects;
  options(options: PipelineOptions): PipelineOptions;
  /** Stops, and says what it saw. */
  end(): Promise<readonly string[]>;
}

export async function startProfile(): Promise<Profile> {
  const phases = new Phases();
  const startUpMs = performance.now();
  const before = process.cpuUsage();
  const sampler = await startSampler();
  return {
    source: (source) => watchedSource(source, phases),
    options: (options) => watchedOptions(options, phases),
    async end() {
      const wallMs = performance.now();
      const cpu = process.cpuUsage();
      const sampled = (await sampler?.stop()) ?? null;
      const { maxRSS } = process.resourceUsage();
      const startUp = { wallMs: startUpMs, cpuMs: (before.user + before.system) / 1000 };
      const whole = { wallMs, cpuMs: (cpu.user + cpu.system) / 1000, maxBytes: maxRSS * 1024 };
      return profileText(whole, startUp, phases.all(), sampled);
    },
  };
}

interface Whole {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly maxBytes: number;
}

export function profileText(
  { wallMs, cpuMs, maxBytes }: Whole,
  startUp: Pick<Whole, 'wallMs' | 'cpuMs'>,
  phases: readonly Phase[],
  sampled: Sampled | null,
): readonly string[] {
  const ms = (value: number): string => `${grouped(Math.round(value))} ms`;
  const share = (value: number): string => `${Math.round((100 * value) / Math.max(1, wallMs))}%`;
  const byWall = makeTable([
    { title: 'Wall' },
    { title: 'under way', right: true },
    { title: 'of run', right: true },
    { title: 'from', right: true },
    { title: 'acts', right: true },
    { title: 'bytes', right: true },
  ]);
  const byCpu = makeTable([{ title: 'Main thread' }, { title: 'CPU', right: true }, { title: 'of run', right: true }]);
  return [
    `Profile: wall ${ms(wallMs)}; CPU of this process ${ms(cpuMs)}, that of PostgreSQL not counted; peak memory ${sized(maxBytes)}.`,
    '',
    ...byWall.rows([
      ['start-up', ms(startUp.wallMs), share(startUp.wallMs), ms(0), null, null],
      ...phases.map(({ name, wallMs: wall, firstAtMs, count, bytes }) => [
        name,
        ms(wall),
        share(wall),
        ms(firstAtMs),
        count,
        bytes === 0 ? null : sized(bytes),
      ]),
    ]),
    'Wall: while at least one such act was under way. Acts overlap, and wait for the main thread too.',
    '',
    ...(sampled === null
      ? ['CPU by part cannot be told: this Node has no inspector, or it is in use.']
      : [
          ...byCpu.rows([
            ['start-up (before the profile)', ms(startUp.cpuMs), share(startUp.cpuMs)],
            ...sampled.parts.filter((part) => part.ms >= 1).map((part) => [part.name, ms(part.ms), share(part.ms)]),
            ['waiting (idle)', ms(sampled.idleMs), share(sampled.idleMs)],
          ]),
          'CPU: the main thread by samples, each function in the part that it is of. Other threads (compiler, collector, disk) are in the sum above only.',
        ]),
  ];
}
