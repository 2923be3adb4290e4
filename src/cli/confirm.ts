/** Asks before something is done that a person may not have meant: on a terminal; elsewhere only `--yes` says yes. */
import { createInterface } from 'node:readline/promises';
import { grouped } from './words.ts';

/** null where there is nobody to ask. */
export async function ask(question: string): Promise<'yes' | 'no' | null> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    return /^y(es)?$/i.test(answer.trim()) ? 'yes' : 'no';
  } finally {
    terminal.close();
  }
}

/** Before a changed set of patterns adds many detections. */
export function makeConfirm(yes: boolean, before: () => void): (detections: number) => Promise<boolean> {
  return async (detections) => {
    if (yes) return true;
    before();
    return (await ask(`The changed patterns add ${grouped(detections)} detections at once. Go on?`)) === 'yes';
  };
}
