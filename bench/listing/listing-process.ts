/** Discovery over a bucket of which the ledger knows every chunk: what each poll of a long-lived detector does. */
import { discoverWork } from '../../src/objects/discovery/discover.ts';
import { makeS3Objects } from '../../src/objects/s3/s3-objects.ts';
import { serve } from '../lib/serve.ts';
import { keyAt, versionAt } from './keys.ts';

export interface ListingQuestion {
  readonly endpoint: string;
  readonly count: number;
}

export interface ListingAnswer {
  readonly wallMs: number;
  readonly cpuMs: number;
}

const pageSize = 1000;

serve(async ({ endpoint, count }: ListingQuestion): Promise<ListingAnswer> => {
  const settings = {
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    accessKeyId: 'bench',
    secretAccessKey: 'bench',
    sessionToken: null,
  };
  const objects = makeS3Objects({ bucket: String(count), prefix: '', settings, code: 'SOURCE_UNREADABLE' });
  const { signal } = new AbortController();
  const cpu = process.cpuUsage();
  const started = performance.now();
  const { work } = await discoverWork(objects, known(count), { waitFor: 0, now: Date.now(), exclude: [], signal });
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  await objects.close();
  if (work.length !== 1) throw new Error(`of ${count} chunks one is new, and ${work.length} were found`);
  return { wallMs, cpuMs: (user + system) / 1000 };
});

/** The ledger's lines as the store gives them: all chunks but the last. */
async function* known(count: number): AsyncGenerator<{ key: string; folder: boolean; version: string; outcome: string }[]> {
  for (let from = 0; from < count - 1; from += pageSize) {
    const page = [];
    for (let i = from; i < Math.min(count - 1, from + pageSize); i++)
      page.push({ key: keyAt(i), folder: false, version: versionAt(i), outcome: 'applied' });
    yield page;
  }
}
