/** Whether the clocks that meet in a pipeline agree. What the other checks have learnt of them is noted here. */
import { lasting } from '../words.ts';
import { type Check, type Finding, joined, ok, warning, failed } from './check.ts';

export interface Clocks {
  /** By how many ms the clock of `name` is ahead of this machine's; null where it does not say. */
  note(name: string, aheadMs: number | null): void;
  readonly check: Check;
}

/** Less than this is the coarseness of a Date header, and of the way. */
const agreeMs = 2_000;
/** S3 refuses requests that are further off. */
const refusedMs = 15 * 60 * 1000;

export function makeClocks(frozenAt: Date | null, after: readonly string[]): Clocks {
  const noted = new Map<string, number>();
  return {
    note(name, aheadMs) {
      if (aheadMs !== null) noted.set(name, aheadMs);
    },
    check: {
      name: 'clock',
      after,
      look: () =>
        Promise.resolve(
          joined([...frozen(frozenAt), ...(noted.size === 0 ? [ok('nothing to compare this machine with')] : compare(noted))]),
        ),
    },
  };
}

function frozen(at: Date | null): Finding[] {
  if (at === null) return [];
  return [warning(`TALLYHO_CLOCK lets the detector's clock stand still at ${at.toISOString()}`, 'Unset it: it is for tests.')];
}

function compare(noted: ReadonlyMap<string, number>): Finding[] {
  return [...noted].map(([name, aheadMs]) => {
    const off = Math.abs(aheadMs);
    if (off <= agreeMs) return ok(`${name} agrees with this machine`);
    const found = `${name} is ${lasting(off)} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine`;
    const mend = 'Let a time service set both clocks (NTP): times in the output are those of this machine.';
    return off > refusedMs ? failed(found, mend) : warning(found, mend);
  });
}
