import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Containers, engines and package managers are slow on two cores: a limit for hangs, not a measurement.
    testTimeout: process.env['TSBUILD_SOAK'] === '1' ? 3_600_000 : 300_000,
    hookTimeout: 300_000,
    // What is waited for comes in the end, on however busy a machine; vitest's own second is a measurement.
    expect: { poll: { timeout: 60_000 } },
    // In continuous integration a failed test is tried once more, and named as unsteady when it passes then: it is to
    // be mended, but thousands of others need not run again for it.
    retry: process.env['TSBUILD_MUST_RUN'] === '1' ? 1 : 0,
    pool: 'forks',
    // Tests wait for containers and engines half of their time: one more than the smallest machine has processors.
    maxWorkers: 3,
    setupFiles: ['test/support/series.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', new SummaryReporter()],
  },
});
