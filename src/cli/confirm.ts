/** Asks before a changed set of patterns adds many detections: on a terminal; elsewhere only `--yes` says yes. */
import { createInterface } from 'node:readline/promises';
import { grouped } from './words.ts';

export function makeConfirm(yes: boolean, before: () => void): (detections: number) => Promise<boolean> {
  return async (detections) => {
    if (yes) return true;
    if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
    before();
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      const answer = await terminal.question(`The changed patterns add ${grouped(detections)} detections at once. Go on? [y/N] `);
      return /^y(es)?$/i.test(answer.trim());
    } finally {
      terminal.close();
    }
  };
}
