import { join } from 'node:path';

import { mainContext } from '../../src/graph/index.ts';
import { stepNetworks, type BuildServices } from '../../src/ops/index.ts';
import { openFolder } from '../../src/ops/contexts/index.ts';
import { openSshAgents } from '../../src/ops/ssh-agents.ts';
import { createRuntime } from '../../src/runtime/index.ts';
import { overlaySnapshotter, type Snapshotter } from '../../src/snapshot/index.ts';
import type { RunContext } from '../../src/solver/index.ts';
import { openStore } from '../../src/store/index.ts';
import { tempFolder } from './temp-folder.ts';

export interface OpsWorld extends AsyncDisposable {
  readonly services: BuildServices;
  readonly snapshotter: Snapshotter;
}

/** What ops need, for tests that look between their calls; everything real, with a store of its own. */
export async function opsWorld(context: string): Promise<OpsWorld> {
  const held = new AsyncDisposableStack();
  const store = held.use(await openStore(tempFolder('root').path));
  const snapshotter = overlaySnapshotter(store.snapshots);
  const services: BuildServices = {
    store,
    lease: held.use(await store.lease()),
    snapshotter,
    runtime: createRuntime({ stubs: join(store.root, 'runtime') }),
    contexts: new Map([[mainContext, held.use(await openFolder(context))]]),
    sources: noSources,
    interrupted: new AbortController().signal,
    secrets: new Map(),
    ssh: held.use(openSshAgents(new Map())),
    limits: { resources: {}, rlimits: [] },
    networks: held.use(
      stepNetworks({ store, extraHosts: [], jobs: 1, signal: new AbortController().signal }),
    ),
  };
  return { services, snapshotter, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** For an op that nobody watches. */
export const unwatched: RunContext = {
  signal: new AbortController().signal,
  log: () => undefined,
  status: () => undefined,
  warn: () => undefined,
  withoutSlot: (wait) => wait(),
  used: () => undefined,
};

const noSources: BuildServices['sources'] = {
  git: { resolve: nothingRemote, checkout: nothingRemote },
  http: { fetch: nothingRemote },
};

async function nothingRemote(): Promise<never> {
  throw new Error('this test has no remote sources');
}
