import { makeFileObjects } from '../../src/objects/file/file-objects.ts';
import { type PutSteps, realSteps } from '../../src/objects/file/put.ts';

/**
 * A process that puts, started by the tests of faults:
 *   objects-putter ROOT dies STEP    puts one object, and kills itself (SIGKILL) before the step, named `link 0`, `syncFolder 1`, ...
 *   objects-putter ROOT races ID     puts one object after the other until it is killed; prints each key and what came of it
 */
const [root = '', mode = '', argument = ''] = process.argv.slice(2);
export const keyOf = (n: number): string => `folder ${n % 5}/sub ${n % 3}/${n}.csv`;
export const bytesOf = (n: number): Uint8Array => Buffer.alloc(50_000 + n, `content of ${n};`);

if (mode === 'dies') {
  const seen: Record<string, number> = {};
  const dieBefore = <A extends unknown[]>(name: string, step: (...args: A) => Promise<void>) => {
    return async (...args: A): Promise<void> => {
      const n = seen[name] ?? 0;
      seen[name] = n + 1;
      if (`${name} ${n}` === argument) process.kill(process.pid, 'SIGKILL');
      await step(...args);
    };
  };
  const steps: PutSteps = {
    link: dieBefore('link', realSteps.link),
    rename: dieBefore('rename', realSteps.rename),
    unlink: dieBefore('unlink', realSteps.unlink),
    syncFolder: dieBefore('syncFolder', realSteps.syncFolder),
  };
  process.stdout.write(await makeFileObjects({ root, create: true, steps }).put(keyOf(0), bytesOf(0)));
} else if (mode === 'races') {
  const objects = makeFileObjects({ root, create: true });
  for (let n = 0; ; n++) process.stdout.write(`${keyOf(n)}\t${await objects.put(keyOf(n), bytesOf(n))}\n`);
}
