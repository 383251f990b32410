import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Json } from '../../core/index.ts';
import { printConfig } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { containerFolder, containerState } from './records.ts';
import type { ContainerRecord, ContainerState } from './types.ts';

/**
 * The state of a container as the runtime spec has it (runtime.md, "State"). Its bundle is the container's own folder,
 * where config.json is written for whoever looks there.
 */
export async function runtimeState(store: Store, record: ContainerRecord): Promise<Json> {
  const { config } = record.spec;
  const state = await containerState(store, record.id);
  const bundle = containerFolder(store, record.id);
  writeFileSync(join(bundle, 'config.json'), `${printConfig(config)}\n`, { mode: 0o600 });
  return {
    ociVersion: config.ociVersion,
    id: record.id,
    status: statusOf(state),
    ...(state.status === 'running' && { pid: state.pid }),
    bundle,
    annotations: { ...config.annotations },
  };
}

/** In the spec a container that is `created` has a process that waits; here nothing has been set up for it yet. */
function statusOf(state: ContainerState): string {
  switch (state.status) {
    case 'created':
      return 'creating';
    case 'running':
      return state.paused === true ? 'paused' : 'running';
    case 'restarting':
    case 'exited':
    case 'dead':
      return 'stopped';
  }
}
