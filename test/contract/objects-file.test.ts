import { execFileSync } from 'node:child_process';
import { chmod, link, mkdir, readdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeFileObjects } from '../../src/objects/file/file-objects.ts';
import { namesOf } from '../../src/objects/file/names.ts';
import { realSteps } from '../../src/objects/file/put.ts';
import type { IgnoredEntry, Objects } from '../../src/objects/objects.ts';
import { codeOf, drain, listed, objectsContract, pattern } from '../helpers/objects-contract.ts';

/** Ends what hangs, and measures nothing. */
const longTime = { timeout: 100_000 };

const makeFifo = (path: string): void => void execFileSync('sh', ['-c', 'mkfifo "$0"', path]);

const noLinks = (code: string) => async (): Promise<void> => {
  throw Object.assign(new Error(`${code}: no hard links here`), { code });
};

function place(options: { readonly hardLinks: boolean }) {
  return async () => {
    const root = mkdtempSync(join(tmpdir(), 'tallyho-objects-'));
    const steps = options.hardLinks ? realSteps : { ...realSteps, link: noLinks('EPERM') };
    const open = (): Objects => makeFileObjects({ root, create: true, steps });
    return {
      objects: open(),
      open,
      overwrite: (key: string, bytes: Uint8Array) => writeFile(join(root, key), bytes),
      remove: (key: string) => rm(join(root, key)),
      close: async () => rmSync(root, { recursive: true }),
    };
  };
}

objectsContract('file', place({ hardLinks: true }));

let root: string;
let objects: Objects;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tallyho-objects-'));
  objects = makeFileObjects({ root });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function ignored(from: Objects): Promise<IgnoredEntry[]> {
  const all: IgnoredEntry[] = [];
  for await (const page of from.list()) all.push(...page.ignored);
  return all;
}
const keys = async (): Promise<string[]> => (await listed(objects)).map(({ key }) => key);

describe('PROTOCOL 2.6: what is no object in a folder', () => {
  test('links, to files and folders, are named and not followed', async () => {
    await mkdir(join(root, 'real'));
    await writeFile(join(root, 'real/x.csv'), 'x');
    await symlink('real/x.csv', join(root, 'file.csv'));
    await symlink('real', join(root, 'folder'));
    await symlink('..', join(root, 'real/up'));
    await symlink('nowhere', join(root, 'broken.csv'));
    expect(await keys()).toEqual(['real/x.csv']);
    expect(await ignored(objects)).toEqual(['broken.csv', 'file.csv', 'folder', 'real/up'].map((key) => ({ key, why: 'a link' })));
  });

  test('FIFOs', async () => {
    makeFifo(join(root, 'pipe.csv'));
    expect(await keys()).toEqual([]);
    expect(await ignored(objects)).toEqual([{ key: 'pipe.csv', why: 'no regular file' }]);
  });

  test('names that are not UTF-8, and what lies below them', async () => {
    const folder = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x61, 0xff])]);
    await mkdir(folder);
    await writeFile(Buffer.concat([folder, Buffer.from('/x.csv')]), 'x');
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xe9]), Buffer.from('.csv')]), 'x');
    await writeFile(join(root, 'é.csv'), 'x');
    expect(await keys()).toEqual(['é.csv']);
    expect(await ignored(objects)).toEqual([
      { key: 'a\ufffd', why: 'its name is not UTF-8' },
      { key: '\ufffd.csv', why: 'its name is not UTF-8' },
    ]);
  });

  test.each(['0a', '1b', '7f', '85'])('names with the control character U+00%s, which are shown harmless', async (code) => {
    await writeFile(join(root, `a${String.fromCharCode(Number.parseInt(code, 16))}.csv`), 'x');
    expect(await keys()).toEqual([]);
    const [entry] = await ignored(objects);
    expect(entry).toEqual({ key: `a\\u00${code}.csv`, why: 'its name has control characters' });
  });

  test('two dots within a name are no way up', async () => {
    await writeFile(join(root, 'a..csv'), 'x');
    await writeFile(join(root, '..csv'), 'x');
    expect(await keys()).toEqual(['..csv', 'a..csv']);
  });

  test('empty folders', async () => {
    await mkdir(join(root, 'a.csv/b'), { recursive: true });
    expect(await keys()).toEqual([]);
    expect(await objects.folders()).toEqual(['a.csv']);
  });
});

describe('a folder of more names than are held at once', () => {
  test.each([2, 3, 7, 100])('comes in byte order all the same (%i held)', async (most) => {
    const names = Array.from({ length: 60 }, (_, i) => `n${(i * 37) % 60}${'é²/'[i % 3]}`.replace('/', ''));
    for (const name of names) await writeFile(join(root, name), '');
    for (const name of ['n1-', 'n10', 'zz']) await mkdir(join(root, `${name}folder`));
    const found: string[] = [];
    for await (const page of namesOf(root, undefined, most)) found.push(...page.map(({ bytes }) => bytes));
    const all = [...names.map((name) => Buffer.from(name).toString('latin1')), 'n1-folder/', 'n10folder/', 'zzfolder/'];
    expect(found).toEqual(all.sort());
  });
});

describe('a folder that cannot be used', () => {
  test('a source that is not there is an error, and is not made', async () => {
    const missing = makeFileObjects({ root: join(root, 'missing') });
    const failure = await drain(missing.list()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'SOURCE_UNREADABLE', mend: 'Make the folder, or correct the path.' });
    expect(String(failure)).toContain(join(root, 'missing'));
    expect(await codeOf(missing.folders())).toBe('SOURCE_UNREADABLE');
    expect(await readdir(root)).toEqual([]);
  });

  test.skipIf(process.platform === 'win32')('an object that may not be opened is named, with the mend', async () => {
    await chmod(root, 0o755);
    await writeFile(join(root, 'b.csv'), 'x', { mode: 0o000 });
    const [object] = await listed(objects);
    const root0 = process.geteuid?.() === 0;
    if (root0) process.seteuid?.(65_534);
    try {
      for (const work of [drain(objects.read(object!)), objects.get('b.csv')]) {
        const failure = await work.catch((error: unknown) => error);
        expect(failure).toMatchObject({
          code: 'SOURCE_UNREADABLE',
          message: expect.stringMatching(/^The object b\.csv in the folder .* cannot be read: EACCES/) as unknown,
          mend: 'Give this user the right to read b.csv: see its permissions.',
        });
      }
    } finally {
      if (root0) process.seteuid?.(0);
    }
  });

  test('a sink is made, with the folders above it', async () => {
    const sink = makeFileObjects({ root: join(root, 'a/b/c'), create: true, code: 'SINK_UNWRITABLE' });
    expect(await sink.folders()).toEqual([]);
    expect(await sink.put('x', Buffer.from('x'))).toBe('put');
    expect(await keys()).toEqual(['a/b/c/x']);
  });

  test('a file in its place is an error under the code that was asked for', async () => {
    await writeFile(join(root, 'file'), '');
    expect(await codeOf(drain(makeFileObjects({ root: join(root, 'file') }).list()))).toBe('SOURCE_UNREADABLE');
    const sink = makeFileObjects({ root: join(root, 'file'), create: true, code: 'SINK_UNWRITABLE' });
    expect(await codeOf(sink.put('x', Buffer.from('x')))).toBe('SINK_UNWRITABLE');
  });

  test('a sub-folder that goes away while it is listed is passed over', async () => {
    for (let i = 0; i < 600; i++) await writeFile(join(root, `a${i}`), '');
    await mkdir(join(root, 'b'));
    await writeFile(join(root, 'b/x'), '');
    await writeFile(join(root, 'c'), '');
    const found: string[] = [];
    for await (const page of objects.list()) {
      found.push(...page.objects.map(({ key }) => key));
      await rm(join(root, 'b'), { recursive: true, force: true });
    }
    expect(found).toHaveLength(601);
    expect(found.at(-1)).toBe('c');
  });
});

describe('a file that changes under the reader', () => {
  const size = (1 << 20) + 5;
  const open = async () => {
    await writeFile(join(root, 'x'), pattern(size));
    const [object] = await listed(objects);
    const blocks = objects.read(object!)[Symbol.asyncIterator]();
    await blocks.next();
    return blocks;
  };
  const x = (): string => join(root, 'x');

  test.each([
    ['grows', () => writeFile(x(), 'more', { flag: 'a' })],
    ['becomes shorter', () => truncate(x(), 100)],
    ['is touched', () => utimes(x(), 1, 1)],
    ['is replaced by the same bytes', async () => (await writeFile(`${x()}2`, pattern(size)), rename(`${x()}2`, x()))],
    ['gains another name', () => link(x(), `${x()}2`)],
    ['is removed', () => rm(x())],
    ['becomes a link', async () => (await rename(x(), `${x()}2`), symlink('x2', x()))],
  ])('%s: the last block is not handed out', async (_, change) => {
    const blocks = await open();
    await change();
    await expect((async () => blocks.next())()).rejects.toMatchObject({ code: 'OBJECT_CHANGED' });
  });

  test('becomes a FIFO before it is opened: no waiting for a writer', async () => {
    await writeFile(x(), 'x');
    const [object] = await listed(objects);
    await rm(x());
    makeFifo(x());
    expect(await codeOf(drain(objects.read(object!)))).toBe('OBJECT_CHANGED');
    expect(await objects.get('x')).toBeNull();
  });

  test('becomes a link before it is opened: it is not followed', async () => {
    await writeFile(x(), 'x');
    const [object] = await listed(objects);
    await rename(x(), `${x()}2`);
    await symlink('x2', x());
    expect(await codeOf(drain(objects.read(object!)))).toBe('OBJECT_CHANGED');
    expect(await objects.get('x')).toBeNull();
  });
});

describe('PROTOCOL 4.4: put into a folder', () => {
  const sink = (steps = realSteps): Objects => makeFileObjects({ root, create: true, code: 'SINK_UNWRITABLE', steps });

  test('leaves nothing but the object', async () => {
    await sink().put('a/b/x', Buffer.from('x'));
    await sink().put('a/b/x', Buffer.from('x'));
    await sink().put('a/b/x', Buffer.from('y'));
    expect(await readdir(root, { recursive: true })).toEqual(['a', 'a/b', 'a/b/x']);
  });

  test('syncs the folder and each parent that was made, after the link and before the temporary name goes', async () => {
    const log: string[] = [];
    const shown = (path: string): string => path.replace(root, '').replace(/\.tmp-\w+/, 'TMP') || '/';
    const objects = sink({
      link: async (from, to) => (log.push(`link ${shown(from)} ${shown(to)}`), realSteps.link(from, to)),
      rename: realSteps.rename,
      unlink: async (path) => (log.push(`unlink ${shown(path)}`), realSteps.unlink(path)),
      syncFolder: async (path) => (log.push(`sync ${shown(path)}`), realSteps.syncFolder(path)),
    });
    await objects.put('a/b/x', Buffer.from('x'));
    expect(log).toEqual(['link /a/b/TMP /a/b/x', 'sync /a/b', 'sync /a', 'sync /', 'unlink /a/b/TMP']);
    log.length = 0;
    await objects.put('a/b/y', Buffer.from('y'));
    expect(log).toEqual(['link /a/b/TMP /a/b/y', 'sync /a/b', 'unlink /a/b/TMP']);
    log.length = 0;
    await objects.put('a/b/y', Buffer.from('y'));
    expect(log, 'whoever put it may not have got to its sync').toEqual(['link /a/b/TMP /a/b/y', 'sync /a/b', 'unlink /a/b/TMP']);
  });

  test('that was prepared has only its name to get; until then nothing is to be seen of it', async () => {
    const log: string[] = [];
    const shown = (path: string): string => path.replace(root, '').replace(/\.tmp-\w+/, 'TMP') || '/';
    const objects = sink({
      link: async (from, to) => (log.push(`link ${shown(from)} ${shown(to)}`), realSteps.link(from, to)),
      rename: realSteps.rename,
      unlink: async (path) => (log.push(`unlink ${shown(path)}`), realSteps.unlink(path)),
      syncFolder: async (path) => (log.push(`sync ${shown(path)}`), realSteps.syncFolder(path)),
    });
    const bytes = Buffer.from('y');
    const prepared = objects.prepare?.('a/y', bytes);
    expect(await objects.put('a/x', Buffer.from('x'))).toBe('put');
    await vi.waitFor(async () => expect((await readdir(join(root, 'a'))).join()).toContain('.tmp-'), longTime);
    expect((await listed(objects)).map(({ key }) => key)).toEqual(['a/x']);
    log.length = 0;
    expect(await objects.put('a/y', bytes, undefined, prepared)).toBe('put');
    expect(log).toEqual(['link /a/TMP /a/y', 'sync /a', 'unlink /a/TMP']);
    await prepared?.drop();
    expect((await readdir(join(root, 'a'))).sort()).toEqual(['x', 'y']);
    expect(Buffer.from((await objects.get('a/y'))!).toString()).toBe('y');
  });

  test('that was prepared and is dropped leaves no file', async () => {
    const objects = sink();
    await objects.prepare?.('a/x', Buffer.from('x')).drop();
    expect(await readdir(join(root, 'a'))).toEqual([]);
  });

  test('that was prepared is as good as any when its file is swept, its folder removed, or could not be made', async () => {
    for (const spoil of [() => sink().sweep(), () => rm(join(root, 'a'), { recursive: true })]) {
      const objects = sink();
      const prepared = objects.prepare?.('a/x', Buffer.from('x'));
      await vi.waitFor(async () => expect(await readdir(join(root, 'a'))).toHaveLength(1), longTime);
      await spoil();
      expect(await objects.put('a/x', Buffer.from('x'), undefined, prepared)).toBe('put');
      expect(await readdir(join(root, 'a'))).toEqual(['x']);
      await rm(join(root, 'a'), { recursive: true });
    }
    await writeFile(join(root, 'a'), 'no folder');
    const objects = sink();
    const prepared = objects.prepare?.('a/x', Buffer.from('x'));
    expect(await codeOf(objects.put('a/x', Buffer.from('x'), undefined, prepared))).toBe('SINK_UNWRITABLE');
  });

  test.each(['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'ENOSYS'])('without hard links (%s) renames if absent', async (code) => {
    const objects = sink({ ...realSteps, link: noLinks(code) });
    expect(await objects.put('a/x', Buffer.from('x'))).toBe('put');
    expect(await objects.put('a/x', Buffer.from('x'))).toBe('same');
    expect(await objects.put('a/x', Buffer.from('y'))).toBe('other');
    expect(await readdir(root, { recursive: true })).toEqual(['a', 'a/x']);
  });

  test('any other failure is an error with the cause, and leaves nothing behind', async () => {
    const objects = sink({ ...realSteps, link: noLinks('ENOSPC') });
    const failure = await objects.put('x', Buffer.from('x')).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'SINK_UNWRITABLE', mend: expect.stringContaining('Make room') as string });
    expect(await readdir(root)).toEqual([]);
  });

  test('a folder, a link or a FIFO under the name is other, and stays', async () => {
    await mkdir(join(root, 'folder'));
    await writeFile(join(root, 'file'), 'x');
    await symlink('file', join(root, 'link'));
    makeFifo(join(root, 'fifo'));
    for (const key of ['folder', 'link', 'fifo']) expect(await sink().put(key, Buffer.from('x')), key).toBe('other');
    expect((await readdir(root)).sort()).toEqual(['fifo', 'file', 'folder', 'link']);
  });

  test('does not go through a linked folder', async () => {
    await mkdir(join(root, 'real'));
    await symlink('real', join(root, 'a'));
    expect(await codeOf(sink().put('a/x', Buffer.from('x')))).toBe('SINK_UNWRITABLE');
    expect(await readdir(join(root, 'real'))).toEqual([]);
  });

  test('starts again when its temporary file is swept, or its folder removed', async () => {
    let times = 0;
    const objects = sink({
      ...realSteps,
      link: async (from, to) => {
        if (times++ === 0) await sink().sweep();
        if (times === 2) await rm(join(root, 'a'), { recursive: true });
        await realSteps.link(from, to);
      },
    });
    expect(await objects.put('a/x', Buffer.from('x'))).toBe('put');
    expect(times).toBe(3);
    await rm(join(root, 'a'), { recursive: true });
    expect(await objects.put('a/y', Buffer.from('y'))).toBe('put');
    expect(await readdir(root, { recursive: true })).toEqual(['a', 'a/y']);
  });

  test('gives up on an object that comes and goes', async () => {
    const objects = sink({
      ...realSteps,
      link: async () => {
        throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' });
      },
    });
    expect(await codeOf(objects.put('x', Buffer.from('x')))).toBe('SINK_UNWRITABLE');
  });

  test('puts again what is gone when it is compared', async () => {
    let times = 0;
    const objects = sink({
      ...realSteps,
      link: async (from, to) => {
        if (times++ === 0) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' });
        await realSteps.link(from, to);
      },
    });
    expect(await objects.put('x', Buffer.from('x'))).toBe('put');
  });

  test('a key that leads out of the folder is a bug, and nothing is written', async () => {
    for (const key of ['../x', '/x', 'a/../../x', '', 'a/', 'a\0b'])
      expect(await codeOf(sink().put(key, Buffer.from('x'))), key).toBe('INTERNAL');
    expect(await readdir(root)).toEqual([]);
  });
});

test('the temporary files of killed writers are no objects, and are swept', async () => {
  const left = `.tmp-${'0123456789abcdef'.repeat(2)}`;
  await mkdir(join(root, 'a/b'), { recursive: true });
  for (const name of [left, `a/b/${left}`, 'a/.tmp-mine', `a/${left}x`, 'a/x']) await writeFile(join(root, name), 'x');
  expect(await keys()).toEqual([`a/${left}x`, 'a/.tmp-mine', 'a/x']);
  expect(await ignored(objects)).toEqual([]);
  await objects.sweep();
  expect((await readdir(root, { recursive: true })).sort()).toEqual(['a', `a/${left}x`, 'a/.tmp-mine', 'a/b', 'a/x']);
});
