import fc from 'fast-check';
import { inject } from 'vitest';

/** Whether long series run whole (`npm run soak`) instead of as a sample. */
export const soak = process.env['TSBUILD_SOAK'] === '1';

/** How often a property is tried: the sample's size in `npm test`, the whole under `npm run soak`. */
export function runs(sample: number, whole: number = sample * 20): { readonly numRuns: number } {
  return { numRuns: soak ? whole : sample };
}

/** `count` of the cases, picked by the run's seed and kept in their order; all of them under `npm run soak`. */
export function sampleOf<T>(cases: readonly T[], count: number): readonly T[] {
  if (soak || cases.length <= count) return cases;
  const picked = new Set<number>();
  const next = numbersFrom(inject('seed'));
  while (picked.size < count) picked.add(next(cases.length));
  return cases.filter((_, index) => picked.has(index));
}

/** Whole numbers below what is asked for, the same for the same seed. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    // Numerical Recipes' linear congruence: enough to pick with, and the same everywhere. Its low digits repeat soon.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

// Loaded before each test file: all properties take the seed that the run printed.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: inject('seed') });
