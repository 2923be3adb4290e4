import type { Objects } from '../../src/objects/objects.ts';

/** Objects of which only some acts are asked for. */
export function memoryObjects(acts: Partial<Objects>): Objects {
  const no = (): never => {
    throw new Error('nobody asked for that');
  };
  return {
    url: 'memory:',
    list: no,
    folders: no,
    read: no,
    get: no,
    put: no,
    sweep: () => Promise.resolve(),
    close: () => Promise.resolve(),
    ...acts,
  };
}
