/**
 * listing: one poll of a bucket on S3 of which the ledger knows all chunks but one, at 10,000 and at 1,000,000 objects. The listing is
 * served by a process that makes its pages as they are asked for; ours lists, merges with the ledger's lines and finds the one.
 * Reference: the same at the smallest size, an object.
 */
import { join } from 'node:path';
import { type Figure, figure } from '../lib/figure.ts';
import { describeMachine } from '../lib/machine.ts';
import { type BenchOptions, commandText, sizeText } from '../lib/options.ts';
import type { Result } from '../lib/result.ts';
import { askOnce, startWorker, type Task } from '../lib/worker.ts';
import type { ListingAnswer, ListingQuestion } from './listing-process.ts';
import type { Served } from './served-listing.ts';

const lister: Task<ListingQuestion, ListingAnswer> = { module: join(import.meta.dirname, 'listing-process.ts') };
const bucket: Task<object, Served> = { module: join(import.meta.dirname, 'served-listing.ts') };

interface Run extends ListingAnswer {
  readonly count: number;
  readonly peakMb: number;
}

export async function benchListing(options: BenchOptions): Promise<Result> {
  const machine = await describeMachine();
  const sizes = options.sizes ?? (options.quick ? [1_000, 10_000] : [10_000, 1_000_000]);
  const runs: Run[] = [];
  const served = await startWorker(bucket);
  try {
    const endpoint = `http://127.0.0.1:${(await served.ask({})).port}`;
    for (let i = 0; i < options.pairs; i++) {
      for (const count of sizes) {
        const { answer, peakMb } = await askOnce(lister, { endpoint, count });
        runs.push({ count, ...answer, peakMb });
        console.error(`${sizeText(count)} objects: ${(answer.wallMs / 1000).toFixed(2)} s, ${peakMb.toFixed(0)} MB`);
      }
    }
  } finally {
    await served.close();
  }
  const of = (count: number): Run[] => runs.filter((run) => run.count === count);
  const smallest = of(sizes[0]!);
  return {
    bench: 'listing',
    command: commandText('listing', options),
    takenAt: new Date().toISOString(),
    machine,
    method: [
      'One poll: ListObjectsV2 in pages of 1,000 from a process on the same machine, merged with the ledger’s lines; all chunks but one are known.',
      `x: multiples of an object's share at ${sizeText(sizes[0]!)} objects, of the same turn. A fresh process each.`,
    ],
    sections: sizes.map((count) => ({
      title: `${sizeText(count)} objects`,
      figures: figures(of(count), smallest),
    })),
    runs: runs.map((run) => ({ ...run })),
  };
}

function figures(runs: readonly Run[], smallest: readonly Run[]): Figure[] {
  const share = ({ wallMs, count }: Run): number => wallMs / count;
  return [
    figure(
      'Wall an object',
      'x',
      runs.map((run, i) => share(run) / share(smallest[i]!)),
    ),
    figure(
      'Wall',
      'ms',
      runs.map(({ wallMs }) => wallMs),
    ),
    figure(
      'CPU',
      'ms',
      runs.map(({ cpuMs }) => cpuMs),
    ),
    figure(
      'Peak memory',
      'MB',
      runs.map(({ peakMb }) => peakMb),
    ),
  ];
}
