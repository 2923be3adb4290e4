/** One life and all that came of it, rejected promises that nobody waited for included: those are a bug wherever they come from. */
import { inspect } from 'node:util';
import { plants } from './plants.ts';
import { type Life, simulate } from './simulate.ts';

const unhandled: unknown[] = [];
let isListening = false;

export async function liveSeed(seed: number, plant: string | null): Promise<Life> {
  if (!isListening) process.on('unhandledRejection', (reason) => unhandled.push(reason));
  isListening = true;
  const life = await simulate(seed, plant === null ? {} : plants[plant]);
  const [reason] = unhandled.splice(0);
  if (reason === undefined || life.violation !== null) return life;
  return { ...life, violation: `a rejected promise that nobody waited for: ${inspect(reason)}` };
}
