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
    pool: 'forks',
    // Tests wait for containers and engines half of their time: one more than the smallest machine has processors.
    maxWorkers: 3,
    setupFiles: ['test/support/series.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', new SummaryReporter()],
  },
});
