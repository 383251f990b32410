import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultEnvironment, faultWorld, type FaultWorld } from '../support/fault-world.ts';
import { callsOf, faultsOf, runWithFault, type FaultyRun, type StoreCall } from '../support/faults.ts';
import { requires } from '../support/requires.ts';
import { sampleOf, soak } from '../support/series.ts';

const hierarchies = '/sys/fs/cgroup';
const parent = `/tsbuild-faults-${process.pid}`;

/** The folders of that name, in each hierarchy where there is one; or in the only one. */
function places(name: string): readonly string[] {
  const all = ['.', ...readdirSync(hierarchies)].map((each) => join(hierarchies, each, name));
  return [...new Set(all)].filter((path) => existsSync(path));
}

describe('the cgroups of a build that is killed', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:cc', 'cgroup:pids');
  let world: FaultWorld;

  beforeAll(async () => {
    world = await faultWorld();
  });
  afterAll(() => {
    for (const path of places(parent)) rmdirSync(path);
  });

  /** What killed builds have left: of our own parent all, of the common one what is named after this store's leases. */
  function left(leases: readonly string[]): readonly string[] {
    const own = places(parent).flatMap((path) => foldersIn(path));
    const common = places('tsbuild').flatMap((path) => foldersIn(path));
    return [...own, ...common.filter((path) => leases.some((lease) => path.includes(`build-${lease}-`)))];
  }

  it.each([
    ['where all are', []],
    ['below a parent of its own', ['--cgroup-parent', parent]],
  ])('S-70 %s, are gone after the next build', { timeout: 900_000 }, async (_, flags) => {
    const args = [...world.build.slice(0, 1), ...flags, ...world.build.slice(1)];
    const run: FaultyRun = { args, env: faultEnvironment, root: hierarchies };
    await world.restore();
    const calls = await callsOf(world.cli, run);
    expect(calls.filter(isFolder).length).toBeGreaterThan(1);
    let found = 0;
    // The moments after a folder is made, up to where the launcher knows of all.
    const moments = faultsOf(calls, 'kill').filter(
      ({ at }) => calls[at - 2] !== undefined && isFolder(calls[at - 2] as StoreCall),
    );
    // Calls of steps side by side come in another order each time: a kill may miss the moment that it was meant for.
    for (const fault of sampleOf(moments, 12)) {
      if (found > 0 && !soak) break;
      await world.restore();
      expect(await runWithFault(world.cli, run, fault)).toMatchObject({ status: 137 });
      const leases = readdirSync(join(world.cli.root, 'leases'));
      found += left(leases).length;
      // Somebody else looks at the leases in between.
      await world.cli.ok(['fsck']);
      await world.cli.ok(args, { env: { ...process.env, ...faultEnvironment } });
      expect(left(leases)).toEqual([]);
      expect(readdirSync(join(world.cli.root, 'leases'))).toEqual([]);
    }
    expect(found).toBeGreaterThan(0);
  });
});

function isFolder({ name }: StoreCall): boolean {
  return name === 'mkdir';
}

function foldersIn(path: string): readonly string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
}
