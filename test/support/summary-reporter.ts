import { writeFileSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Prints why tests were skipped, which passed at their second try only, and ends the output with `N passed, N failed, N skipped`. A hook, describe, file or
 * process that failed counts as a failed test: its tests never ran, and a sum without them would look clean.
 * The counts also go, as three words, to the file that TSBUILD_TEST_SUMMARY names.
 */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const reasons = new Map<string, number>();
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      counts.failed += [module, ...module.children.allSuites()].filter(
        (suite) => suite.errors().length > 0,
      ).length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        // A test still pending was cut off by a failure that is counted above, or by the end of the run.
        if (state === 'pending') counts.failed += 1;
        else counts[state] += 1;
        if (test.diagnostic()?.flaky === true)
          process.stdout.write(`unsteady: ${test.fullName}: ${firstError(test)}\n`);
        if (state !== 'skipped') continue;
        const reason = skipReason(test);
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    }
    for (const [reason, count] of [...reasons].sort()) process.stdout.write(`skipped ${count}: ${reason}\n`);
    const file = process.env['TSBUILD_TEST_SUMMARY'];
    if (file === undefined) process.stdout.write(`${sentence(counts)}\n`);
    else writeFileSync(file, `${counts.passed} ${counts.failed} ${counts.skipped}\n`);
  }
}

function firstError(test: TestCase): string {
  return test.result().errors?.[0]?.message ?? 'no error kept';
}

function skipReason(test: TestCase): string {
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  return note ?? reasonAround(test.parent) ?? `no reason: ${test.fullName}`;
}

function reasonAround(suite: TestSuite | TestModule): string | undefined {
  if (suite.errors().length > 0) return 'a hook around it failed';
  return suite.meta().skipReason ?? (suite.type === 'suite' ? reasonAround(suite.parent) : undefined);
}

export function sentence({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
