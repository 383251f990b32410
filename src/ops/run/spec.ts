import { availableParallelism } from 'node:os';
import { randomBytes } from 'node:crypto';

import type { RunStep } from '../../graph/index.ts';
import { containerConfig, resolveUser, type ContainerSpec } from '../../runtime/index.ts';
import type { ActiveSnapshot } from '../../snapshot/index.ts';
import type { RunMounts } from './mounts.ts';
import type { BuildServices, State } from '../types.ts';

/** The container of one RUN step. */
export async function runSpec(parts: {
  readonly step: RunStep;
  readonly services: BuildServices;
  readonly parent: State;
  readonly active: ActiveSnapshot;
  readonly mounts: RunMounts;
}): Promise<ContainerSpec> {
  const { step, services, active, mounts } = parts;
  await using view = await services.snapshotter.view(parts.parent.snapshot);
  const config = containerConfig({
    purpose: 'build',
    args: step.argv,
    env: [...step.env, ...step.proxyEnv, ...mounts.env],
    cwd: step.cwd,
    user: resolveUser(view.root, step.user),
    hostname: step.hostname,
    network: step.network === 'none' ? 'none' : 'host',
    processors: availableParallelism(),
    files: services.files,
    mounts: mounts.mounts,
    limits: services.limits.resources,
    ulimits: services.limits.rlimits,
    shmSize: services.limits.shmSize,
  });
  return {
    id: `build-${randomBytes(6).toString('hex')}`,
    config,
    rootfs: { kind: 'overlay', overlay: active.overlay, volatile: true },
    stdio: 'pipe',
    createCwd: true,
    subpaths: mounts.subpaths,
    subpathKinds: mounts.subpathKinds,
  };
}
