/** What tests of the quarantine desk ask: the file that goes out, the rows that stay, the numbers of law 4. */
import { exportRejected, type ExportedRows, type ExportRejected } from '../../src/pipeline/export-rejected.ts';
import type { QuarantinedRow } from '../../src/store/store.ts';
import type { World } from './pipeline-world.ts';

const titles = 'merchant,customer,amount';

export const chunk = (...rows: string[]): string => [titles, ...rows].map((row) => `${row}\n`).join('');

export interface Desk {
  readonly exported: (change?: Partial<ExportRejected>) => Promise<ExportedRows & { readonly text: string }>;
  readonly quarantined: () => Promise<QuarantinedRow[]>;
  /** Lines with what law 4 speaks of; `world.lines` checks it for each. */
  readonly conservation: () => Promise<string[]>;
}

export function makeDesk(world: World): Desk {
  return {
    async exported(change = {}) {
      const { source, input, engine } = world.options();
      const texts: string[] = [];
      const result = await exportRejected({
        store: world.store,
        source,
        engine,
        input: { ...input, waitForMs: 0 },
        now: Date.now(),
        key: null,
        reason: null,
        file: {
          write: async (text) => void texts.push(text),
          mark: () => texts.length,
          cutBack: async (mark) => void texts.splice(mark),
        },
        signal: new AbortController().signal,
        ...change,
      });
      return { ...result, text: texts.join('') };
    },
    async quarantined() {
      const rows: QuarantinedRow[] = [];
      for await (const page of world.store.quarantined()) rows.push(...page);
      return rows;
    },
    async conservation() {
      return (await world.lines()).map(({ kind, key, sequence, rows, applied, quarantined: bad }) =>
        [kind, key, sequence ?? '-', `${rows}=${applied}+${bad}`].join(' '),
      );
    },
  };
}
