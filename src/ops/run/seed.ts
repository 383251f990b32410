import { fromText, TsbuildError } from '../../core/index.ts';
import type { PlannedMount } from '../../graph/index.ts';
import { Breath } from '../../snapshot/index.ts';
import { openRootDir, type RootDir } from '../../sys/index.ts';
import { selectOnePath } from '../copy/selection.ts';
import { stateTree } from '../copy/tree.ts';
import { transferItem, type Transfer } from '../copy/transfer.ts';
import type { BuildServices, State } from '../types.ts';
import { requireSource } from './source.ts';

/** What a cache mount with `from` starts with. */
export interface Seed {
  readonly state: State;
  /** Absolute in the state. */
  readonly path: string;
  /** Of the state, for messages. */
  readonly name: string;
}

const here = fromText('.');

/** Copies the seed into an empty folder, which takes the source's attributes unless the mount gives some (L-142). */
export async function fillFromSeed(
  folder: string,
  seed: Seed,
  {
    mount,
    services,
    signal,
  }: {
    readonly mount: PlannedMount;
    readonly services: Pick<BuildServices, 'snapshotter'>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const breath = new Breath(signal);
  await using view = await services.snapshotter.view(seed.state.snapshot);
  const stat = requireSource(view.root, seed);
  if (stat.type !== 'directory') {
    throw new TsbuildError(
      'COPY_FAILED',
      `the source ${JSON.stringify(seed.path)} of the cache is no folder`,
      {
        hint: 'a cache mount starts with the content of a folder; mount a single file with type=bind',
      },
    );
  }
  const selected = await selectOnePath(stateTree(view), seed.path, { owners: true, breath });
  const { selection, facts } = await selected.files();
  using to = openRootDir(folder);
  const transfer: Transfer = {
    from: view.root,
    to,
    owner: undefined,
    mode: (mode) => mode,
    keepFolders: false,
    digests: { facts },
    breath,
    linked: new Map(),
  };
  const items = selection.matches.flatMap((match) => match.items);
  for (const item of items) {
    await breath.due();
    await transferItem(transfer, item, item.below);
  }
  // Innermost first, since filling a folder changes its time.
  for (const { below, stat: from } of items.toReversed()) {
    if (from.type === 'directory') to.setTimes(below, { seconds: from.mtime, nanos: from.mtimeNanos });
  }
  takeAttributes(to, mount, stat);
}

function takeAttributes(to: RootDir, mount: PlannedMount, from: ReturnType<RootDir['stat']>): void {
  to.chown(here, mount.uid ?? from.uid, mount.gid ?? from.gid);
  to.chmod(here, mount.mode ?? from.mode);
}
