import { join } from 'node:path';

import { build, type BuildOptions } from '../../src/build.ts';
import { TsbuildError, type BuildEvent } from '../../src/core/index.ts';
import { importTarball } from '../../src/image/index.ts';
import { parseCacheFrom, parseCacheTo, parseVerifySample } from '../../src/remote-cache/index.ts';
import { openStore } from '../../src/store/index.ts';
import { busyboxName, busyboxTar } from './busybox.ts';
import { runOk } from './run-command.ts';
import { stepEvents } from './step-events.ts';
import { tempFolder } from './temp-folder.ts';

export interface CachedBuild {
  readonly id: string;
  readonly manifest: string;
  /** Steps that ran, by name; bases and contexts left out. */
  readonly ran: readonly string[];
  /** Steps that were answered, with where the answer came from. */
  readonly cached: ReadonlyMap<string, string | undefined>;
  readonly warnings: readonly string[];
  readonly events: readonly BuildEvent[];
  /** Of the error, where the build failed; `id` and `manifest` are empty then. */
  readonly error: TsbuildError | undefined;
}

export interface MachineOptions extends Omit<BuildOptions, 'root' | 'caches' | 'context'> {
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly verify?: string;
}

/** A store of its own that has the small base, as a machine has. */
export interface Machine {
  readonly root: string;
  build(context: string, options?: MachineOptions): Promise<CachedBuild>;
}

export async function machine(): Promise<Machine> {
  const root = join(tempFolder('root').path, 'store');
  template ??= storeWithBase();
  await runOk(['cp', '-a', await template, root]);
  return { root, build: (context, options) => buildOn(root, context, options) };
}

/** The very same base everywhere, as one that is pulled: importing it notes the time. */
async function storeWithBase(): Promise<string> {
  const { path } = tempFolder('base-store');
  await using store = await openStore(path);
  await importTarball(store, await busyboxTar(), { name: busyboxName });
  return path;
}

let template: Promise<string> | undefined;

async function buildOn(
  root: string,
  context: string,
  { from = [], to = [], verify, ...options }: MachineOptions = {},
): Promise<CachedBuild> {
  const events: BuildEvent[] = [];
  const caches = {
    from: from.map(parseCacheFrom),
    to: to.map(parseCacheTo),
    verify: verify === undefined ? undefined : parseVerifySample(verify),
  };
  const emit = (event: BuildEvent): void => void events.push(event);
  const built = await build({ ...options, root, context, caches, emit }).catch((error: unknown) => {
    if (error instanceof TsbuildError) return error;
    throw error;
  });
  const failed = built instanceof TsbuildError ? built : undefined;
  const image = built instanceof TsbuildError ? undefined : built.image;
  const isStep = (name: string): boolean => /^\[(\S+ )?\d+\/\d+\] (RUN|COPY|WORKDIR|ADD)/.test(name);
  return {
    id: image?.id ?? '',
    manifest: image?.digest ?? '',
    ran: stepEvents(events)
      .flatMap((line) => (line.startsWith('done ') ? [line.slice('done '.length)] : []))
      .filter(isStep),
    cached: new Map(
      events.flatMap((event) =>
        event.type === 'step-cached' && isStep(event.step.name)
          ? [[event.step.name, event.from] as const]
          : [],
      ),
    ),
    warnings: events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
    events,
    error: failed,
  };
}

/** Two stages, so that some results are in the image and others are not. What RUN writes is another each time. */
export const twoStages = `FROM busybox:1 AS build
WORKDIR /src
COPY in.txt .
RUN { cat in.txt; cat /proc/sys/kernel/random/uuid; } > made
FROM busybox:1
COPY --from=build /src/made /made
RUN cat /proc/sys/kernel/random/uuid > /uuid
`;
