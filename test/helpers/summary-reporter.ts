import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule, Vitest } from 'vitest/node';

/** What scripts/test.mjs prints at the end. */
export interface Summary {
  passed: number;
  failed: number;
  /** Name and reason of each test that did not run. */
  skipped: { name: string; reason: string }[];
}

/**
 * Counts tests and collects why some were skipped (`context.skip('reason')`), into the file named by
 * TALLYHO_TEST_SUMMARY. A file that does not load and an error outside of any test count as one failure each.
 */
export default class SummaryReporter implements Reporter {
  #filtered = false;

  onInit(vitest: Vitest): void {
    this.#filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const path = process.env['TALLYHO_TEST_SUMMARY'];
    if (path === undefined) return;
    const summary: Summary = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      summary.failed += module.errors().length;
      for (const suite of module.children.allSuites()) summary.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') summary.passed++;
        else if (result.state === 'failed') summary.failed++;
        else {
          const note = result.state === 'skipped' ? result.note : undefined;
          // Tests left out by -t are not skipped tests.
          if (this.#filtered && note === undefined) continue;
          summary.skipped.push({ name: `${module.relativeModuleId} > ${test.fullName}`, reason: note ?? 'no reason given' });
        }
      }
    }
    writeFileSync(path, JSON.stringify(summary));
  }
}
