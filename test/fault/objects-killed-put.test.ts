import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeFileObjects } from '../../src/objects/file/file-objects.ts';
import { listed } from '../helpers/objects-contract.ts';
import { bytesOf, keyOf } from '../helpers/objects-putter.ts';

const putter = fileURLToPath(new URL('../helpers/objects-putter.ts', import.meta.url));
const putterArguments = (...rest: string[]): string[] => ['--import', 'tsx', putter, ...rest];

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tallyho-killed-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const temporaries = (): string[] => readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('.tmp-'));

describe('a put that is killed (SIGKILL)', () => {
  test.each([
    ['link 0', 'put'],
    ['syncFolder 0', 'same'],
    ['syncFolder 1', 'same'],
    ['syncFolder 2', 'same'],
    ['unlink 0', 'same'],
  ])('before %s: the object is there as a whole or not at all, and the next put says %s', async (step, next) => {
    const killed = spawnSync(process.execPath, putterArguments(root, 'dies', step), { encoding: 'utf8' });
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    expect(temporaries()).toHaveLength(1);

    const objects = makeFileObjects({ root, create: true });
    const found = await listed(objects);
    expect(found.map(({ key, size }) => [key, size])).toEqual(next === 'put' ? [] : [[keyOf(0), bytesOf(0).length]]);
    await objects.sweep();
    expect(temporaries()).toEqual([]);
    expect(await objects.put(keyOf(0), bytesOf(0))).toBe(next);
    expect(Buffer.compare((await objects.get(keyOf(0)))!, bytesOf(0))).toBe(0);
  });

  test('any time, with four processes at the same keys: every object is whole, and was put once', async () => {
    const processes = Array.from({ length: 4 }, (_, i) =>
      spawn(process.execPath, putterArguments(root, 'races', String(i)), { stdio: 'pipe' }),
    );
    const outputs = processes.map(async (child) => {
      let text = '';
      let errors = '';
      child.stdout.setEncoding('utf8').on('data', (data: string) => (text += data));
      child.stderr.setEncoding('utf8').on('data', (data: string) => (errors += data));
      await new Promise((done) => child.on('close', done));
      return { text, errors };
    });
    // Until there is something to be killed in.
    const objects = makeFileObjects({ root });
    while ((await listed(objects)).length < 20) await new Promise((done) => setTimeout(done, 20));
    for (const [i, child] of processes.entries()) setTimeout(() => child.kill('SIGKILL'), 37 * i);
    const results = await Promise.all(outputs);
    expect(results.map(({ errors }) => errors)).toEqual(['', '', '', '']);

    const puts = results.flatMap(({ text }) => text.split('\n')).filter((line) => line.endsWith('\tput'));
    expect(new Set(puts).size).toBe(puts.length);
    expect(results.some(({ text }) => text.includes('\tother'))).toBe(false);
    const found = await listed(objects);
    expect(found.length).toBeGreaterThanOrEqual(20);
    for (const { key } of found) {
      const n = Number(/(\d+)\.csv$/.exec(key)![1]);
      expect(Buffer.compare((await objects.get(key))!, bytesOf(n)), key).toBe(0);
    }
    await objects.sweep();
    expect(temporaries()).toEqual([]);
  });
});
