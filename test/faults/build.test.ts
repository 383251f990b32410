import { beforeAll, describe, expect, it } from 'vitest';
import { disturbed, momentsAt, rehearse, type Rehearsed } from '../support/disturbed.ts';
import { faultWorld, type FaultWorld } from '../support/fault-world.ts';
import type { Fault } from '../support/faults.ts';
import { requires } from '../support/requires.ts';
import { sampleOf } from '../support/series.ts';

/** `sample` in `npm test`, which takes the first two and some of the others; `whole` or all under `npm run soak`. */
const faults: readonly (Omit<Fault, 'at'> & {
  readonly told: string;
  readonly sample: number;
  readonly whole?: number;
})[] = [
  { what: 'kill', sample: 3, told: 'by kill -9 between two calls' },
  { what: 'half', sample: 1, told: 'by kill -9 in the middle of a write' },
  { what: 'ENOSPC', sample: 1, whole: 80, told: 'by a disk that is full for a moment' },
  { what: 'ENOSPC', lasts: true, sample: 1, whole: 80, told: 'by a disk that is full' },
  { what: 'EDQUOT', lasts: true, sample: 1, whole: 20, told: 'by a quota' },
  { what: 'EIO', sample: 1, whole: 120, told: 'by one bad block' },
  { what: 'EIO', lasts: true, sample: 1, whole: 80, told: 'by a disk that fails' },
  { what: 'EMFILE', lasts: true, sample: 1, whole: 60, told: 'by having too many files open' },
  { what: 'EMFILE', sample: 1, whole: 60, told: 'by having too many files open for a moment' },
  { what: 'EROFS', lasts: true, sample: 1, whole: 60, told: 'by a disk that becomes read-only' },
];

describe('a build that is disturbed', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:cc');
  let world: FaultWorld;
  let build: Rehearsed;
  beforeAll(async () => {
    world = await faultWorld();
    build = await rehearse(world, { args: world.build });
  });

  it.each([...faults.slice(0, 2), ...sampleOf(faults.slice(2), 3)])(
    'S-70 S-72 $told leaves a whole store, says why, and the next build comes to the same',
    { timeout: 3_600_000 },
    async ({ what, lasts = false, ...counts }) => {
      const problems: string[] = [];
      for (const fault of momentsAt(build, { what, lasts }, counts))
        problems.push(...(await disturbed(world, build, fault)));
      expect(problems).toEqual([]);
    },
  );
});
