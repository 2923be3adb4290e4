/**
 * Notices a connection that is gone without a word (a cut cable, a firewall that forgot it): TCP by itself may take a quarter of
 * an hour, and behind a proxy for ever.
 *
 * That no answer comes says nothing, because a statement may rightly run for minutes. So after some seconds in which an answer
 * was waited for and no byte moved, the server is asked on another connection what the process at the other end does: if it works,
 * or waits for a lock, all is well; if it waits for us, or is gone, or the server cannot be asked, the connection is lost.
 */
export const silentMs = 15_000;
const lookMs = 5_000;

export interface Watched {
  /** Bytes either way so far. */
  moved(): number;
  /** Whether an answer is waited for. */
  isWaiting(): boolean;
  /** Whether the other end is at work for us. */
  isWorking(): Promise<boolean>;
  onLost(): void;
}

/** Returns what ends the watch. */
export function watchSilence(watched: Watched): () => void {
  let moved = watched.moved();
  let since = performance.now();
  let isAsking = false;
  const stirs = (): boolean => {
    const now = watched.moved();
    const isSilent = watched.isWaiting() && now === moved;
    moved = now;
    return !isSilent;
  };
  const look = async (): Promise<void> => {
    if (stirs()) since = performance.now();
    if (performance.now() - since < silentMs) return;
    const isWorking = await watched.isWorking();
    // What came in meanwhile is an answer too: a busy process may see its clock before its sockets.
    if (!stirs() && !isWorking) watched.onLost();
    since = performance.now();
  };
  const timer = setInterval(() => {
    if (isAsking) return;
    isAsking = true;
    void look().finally(() => {
      isAsking = false;
    });
  }, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}
