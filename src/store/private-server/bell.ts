/** Wakes the one who waits before his time is over. A ring while nobody waits is kept for the next wait. */
export interface Bell {
  ring(): void;
  wait(ms: number): Promise<void>;
}

export function makeBell(): Bell {
  let rung = false;
  let wake = (): void => {};
  return {
    ring: () => {
      rung = true;
      wake();
    },
    wait: (ms) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          rung = false;
          wake = () => {};
          resolve();
        };
        const timer = setTimeout(done, ms);
        wake = done;
        if (rung) done();
      }),
  };
}
