import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeWhole } from '../../src/cli/write-whole.ts';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';

test('what is cut back is gone, and what follows stands in its place', async () => {
  const folder = makeTempFolder('write-whole');
  try {
    const path = join(folder, 'x.csv');
    await writeWhole(path, async (file) => {
      await file.write('größer\n');
      const mark = file.mark();
      await file.write('a long line that turns out to be none\n');
      await file.cutBack(mark);
      await file.write('b\n');
    });
    expect(readFileSync(path, 'utf8')).toBe('größer\nb\n');
    await expect(
      writeWhole(path, async (file) => {
        await file.write('c');
        throw new Error('in the middle');
      }),
    ).rejects.toThrow('in the middle');
    expect(readFileSync(path, 'utf8')).toBe('größer\nb\n');
    expect(readdirSync(folder)).toEqual(['x.csv']);
  } finally {
    removeFolder(folder);
  }
});
