/** A process of the bench that does one thing, measured by itself: a heap, a compiler and a peak memory of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { compile } from './compile.ts';
import type { Reply } from './serve.ts';

export interface Worker<Q, A> {
  readonly pid: number;
  ask(question: Q): Promise<A>;
  /** As of the last answer. */
  readonly peakMb: number;
  close(): Promise<void>;
}

/** What a process can be asked. */
export interface Task<Q, A> {
  /** Path of a TypeScript file that calls `serve`. */
  readonly module: string;
  /** Only for its type. */
  readonly answer?: (question: Q) => A;
}

export async function startWorker<Q, A>({ module }: Task<Q, A>, args: readonly string[] = []): Promise<Worker<Q, A>> {
  const compiled = await compile(module);
  const child = fork(compiled.path, args, { execArgv: ['--expose-gc', '--enable-source-maps'] });
  const gone = once(child, 'exit').then(() => null);
  let peakMb = 0;
  return {
    pid: child.pid ?? 0,
    get peakMb() {
      return peakMb;
    },
    async ask(question) {
      const answered = new Promise<Reply>((resolve) => child.once('message', (reply) => resolve(reply as Reply)));
      child.send(question as object);
      const reply = await Promise.race([answered, gone]);
      if (reply === null) throw new Error(`A process of the bench has ended (${module}); see above.`);
      peakMb = reply.peakMb;
      if (reply.error !== undefined) throw new Error(reply.error);
      return reply.value as A;
    },
    async close() {
      if (child.connected) child.disconnect();
      await gone;
      compiled.remove();
    },
  };
}

/** Asks one question of a process of its own. */
export async function askOnce<Q, A>(task: Task<Q, A>, question: Q): Promise<{ readonly answer: A; readonly peakMb: number }> {
  const worker = await startWorker(task);
  try {
    const answer = await worker.ask(question);
    return { answer, peakMb: worker.peakMb };
  } finally {
    await worker.close();
  }
}
