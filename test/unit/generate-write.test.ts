import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeBankSim } from '../../src/generate/bank-sim.ts';
import { writeBankSim } from '../../src/generate/write-bank-sim.ts';

describe('generate: writing', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tallyho-generate-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('writes both files in full, into a folder that it makes, over what was there', async () => {
    const data = makeBankSim({ seed: 1, rows: 20_000 });
    const file = join(folder, 'new', 'data.csv');
    const reference = join(folder, 'reference.csv');
    await writeFile(reference, 'old');
    const steps: number[] = [];
    const written = await writeBankSim(data, {
      file,
      reference,
      onProgress: (done, total) => {
        expect(total).toBe(40_000);
        steps.push(done);
      },
    });
    expect((await readFile(file)).equals(Buffer.concat([...data.csv()]))).toBe(true);
    expect((await readFile(reference)).equals(Buffer.concat([...data.reference()]))).toBe(true);
    expect(written.file).toEqual({ path: file, bytes: (await readFile(file)).length });
    expect(written.reference).toEqual({ path: reference, bytes: (await readFile(reference)).length });
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.length).toBeGreaterThan(5);
    expect(steps).toContain(20_000);
    expect(steps.at(-1)).toBe(40_000);
    expect((await readdir(folder)).sort()).toEqual(['new', 'reference.csv']);
  });

  it('needs no reference', async () => {
    const file = join(folder, 'data.csv');
    const written = await writeBankSim(makeBankSim({ seed: 1, rows: 1 }), { file });
    expect(written).toEqual({ file: { path: file, bytes: (await readFile(file)).length } });
    expect(await readdir(folder)).toEqual(['data.csv']);
  });

  it('leaves nothing behind and the old file as it was when it is ended', async () => {
    const file = join(folder, 'data.csv');
    await writeFile(file, 'old');
    const ending = new AbortController();
    const writing = writeBankSim(makeBankSim({ seed: 1, rows: 50_000 }), {
      file,
      onProgress: (done) => {
        if (done > 10_000) ending.abort(new Error('Ctrl-C'));
      },
      signal: ending.signal,
    });
    await expect(writing).rejects.toThrow('Ctrl-C');
    expect(await readdir(folder)).toEqual(['data.csv']);
    expect(await readFile(file, 'utf8')).toBe('old');
  });

  it('says what the disk refused, and cleans up', async () => {
    const data = makeBankSim({ seed: 1, rows: 10 });
    await mkdir(join(folder, 'taken', 'x'), { recursive: true });
    await writeFile(join(folder, 'plain'), '');
    await expect(writeBankSim(data, { file: join(folder, 'taken') })).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' });
    await expect(writeBankSim(data, { file: join(folder, 'plain', 'data.csv') })).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' });
    await expect(writeBankSim(data, { file: join(folder, 'a.csv'), reference: join(folder, 'taken') })).rejects.toThrow(
      /cannot write .*taken/,
    );
    expect((await readdir(folder)).sort()).toEqual(['a.csv', 'plain', 'taken']);
  });

  it('refuses the same path for both', async () => {
    const file = join(folder, 'data.csv');
    await expect(
      writeBankSim(makeBankSim({ seed: 1, rows: 10 }), { file, reference: join(folder, '.', 'data.csv') }),
    ).rejects.toMatchObject({
      code: 'USAGE',
    });
  });
});
