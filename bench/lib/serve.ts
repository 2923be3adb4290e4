/** The other end of worker.ts: one question after the other. Ends with the channel. */
export interface Reply {
  readonly value?: unknown;
  readonly error?: string;
  /** Of this process so far. */
  readonly peakMb: number;
}

export function serve(answer: (question: never) => unknown): void {
  const send = (reply: Omit<Reply, 'peakMb'>): void => {
    process.send?.({ ...reply, peakMb: process.resourceUsage().maxRSS / 1024 } satisfies Reply);
  };
  const take = async (question: never): Promise<void> => {
    try {
      send({ value: await answer(question) });
    } catch (error) {
      send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  };
  process.on('message', (question) => void take(question as never));
  process.once('disconnect', () => process.exit());
}

/** Heap and everything beside it that JavaScript holds, in bytes, after a collection (needs --expose-gc). */
export function heldBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  const { heapUsed, external } = process.memoryUsage();
  // `external` contains the array buffers.
  return heapUsed + external;
}
