/** Lives each seed that it is told of, and tells what came of it (lives.ts). Ends with the channel to its parent. */
import { liveSeed } from './one-seed.ts';

// Ctrl-C reaches the whole group: the parent says when it is over.
process.on('SIGINT', () => {});

process.on('message', (seed) => {
  void liveSeed(Number(seed), process.argv[2] ?? null).then(({ seed: lived, violation, figures }) =>
    process.send?.({ seed: lived, violation, figures }),
  );
});
