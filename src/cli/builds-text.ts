import type { PastBuild } from '../ops/index.ts';
import { printableLine } from './terminal-text.ts';

const words = { done: 'ran', cached: 'cached', failed: 'FAILED', cancelled: 'cancelled' } as const;

export function secondsText(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)}s`;
}

/**
 * ```
 * build       a1b2c3
 * Dockerfile  /home/ann/app/Dockerfile
 * …
 *
 *  1  cached        [1/2] FROM debian:12
 *  2  ran     1.2s  [2/2] RUN make
 * ```
 */
export function pastBuildText(build: PastBuild): string {
  const { id, file, context, target, platforms, tags, started, milliseconds, image, error, steps } = build;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['build', id],
    ['Dockerfile', file],
    ['context', context],
    ['target', target],
    ['platform', platforms.join(', ')],
    ['tags', tags.length === 0 ? undefined : tags.join(', ')],
    ['started', started],
    ['duration', secondsText(milliseconds)],
    ['image', image],
    ['error', error === undefined ? undefined : `${error.message} [${error.code}]`],
  ];
  const head = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name.padEnd(10)}  ${printableLine(value)}\n`],
  );
  const width = String(steps.length).length;
  const rows = steps.map((step, index) => {
    const time = step.status === 'cached' ? '' : secondsText(step.milliseconds);
    const word = words[step.status].padEnd(9);
    return `${String(index + 1).padStart(width)}  ${word}  ${time.padStart(6)}  ${printableLine(step.name)}\n`;
  });
  return `${head.join('')}\n${rows.join('')}`;
}
