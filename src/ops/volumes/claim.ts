import { mkdirSync, statSync } from 'node:fs';

import { fromText, isErrno, toText, TsbuildError } from '../../core/index.ts';
import type { MountConfig } from '../../oci/runtime-spec.ts';
import type { Store } from '../../store/index.ts';
import { openRootDir, type RootDir } from '../../sys/index.ts';
import { containerState, listContainers } from '../container/records.ts';
import { copyTree } from './fill.ts';
import { anonymousName } from './names.ts';
import type { BindRequest, MountRequest, VolumeRequest } from './requests.ts';
import type { VolumeUse } from './types.ts';
import {
  deleteVolume,
  ensureVolume,
  readVolume,
  usesVolume,
  volumeData,
  volumeLock,
  writeVolume,
} from './volume-store.ts';

/** What a container's mounts came to. Disposing lets go of the volumes: its record must stand by then. */
export interface ClaimedMounts extends AsyncDisposable {
  /** Without it, disposing removes the volumes that were made for the container alone. */
  keep(): void;
  readonly mounts: readonly MountConfig[];
  readonly volumes: readonly VolumeUse[];
  /** See `ContainerSpec.subpaths`. */
  readonly subpaths: Readonly<Record<string, string>>;
}

export interface MountsToClaim {
  readonly requests: readonly MountRequest[];
  /** Volumes of the image (VOLUME): paths as the image has them. */
  readonly imageVolumes: readonly string[];
  /** The image's root. */
  readonly root: RootDir;
  /** Told the names of those that are for the container alone, before the first of them is made. */
  readonly onAnonymous?: ((names: readonly string[]) => void) | undefined;
}

/**
 * Makes, and on their first use fills, the volumes of a container, and makes the folders of `-v` that are missing. The
 * volumes are held until the claim is disposed of, so that nobody removes one between here and the container's record.
 */
export async function claimMounts(store: Store, wanted: MountsToClaim): Promise<ClaimedMounts> {
  const requests = [...wanted.requests, ...ofImage(wanted)];
  const named = requests.flatMap((request): readonly NamedVolume[] =>
    request.kind === 'volume'
      ? [{ ...request, name: request.name ?? anonymousName(), anonymous: request.name === undefined }]
      : [],
  );
  await using held = new AsyncDisposableStack();
  // In one order everywhere: two containers that want the same two volumes must not wait for each other.
  for (const name of [...new Set(named.map((volume) => volume.name))].toSorted())
    held.use(await volumeLock(store, name));
  const anonymous = named.filter((volume) => volume.anonymous).map(({ name }) => name);
  if (anonymous.length > 0) wanted.onAnonymous?.(anonymous);
  let kept = false;
  held.defer(() => {
    if (!kept) for (const name of anonymous) deleteVolume(store, name);
  });
  for (const volume of named) await prepareVolume(store, volume, wanted.root);
  for (const request of requests) if (request.kind === 'bind') ensureSource(request);
  const byPlace = new Map(named.map((volume) => [volume.destination, volume]));
  const locks = held.move();
  return {
    mounts: requests.map((request) => mountOf(store, request, byPlace)),
    volumes: named.map(({ name, destination, readOnly, anonymous, subpath }) => ({
      name,
      destination,
      readOnly,
      anonymous,
      ...(subpath !== undefined && { subpath }),
    })),
    subpaths: Object.fromEntries(
      named.flatMap(({ destination, subpath }) => (subpath === undefined ? [] : [[destination, subpath]])),
    ),
    keep: () => {
      kept = true;
    },
    [Symbol.asyncDispose]: () => locks.disposeAsync(),
  };
}

type NamedVolume = VolumeRequest & { readonly name: string; readonly anonymous: boolean };

/** One for each VOLUME where nothing else is mounted; two spellings of one place are one. */
function ofImage({ requests, imageVolumes, root }: MountsToClaim): readonly VolumeRequest[] {
  const taken = new Set(requests.map(({ destination }) => inside(root, destination)));
  return imageVolumes.flatMap((path): readonly VolumeRequest[] => {
    const destination = inside(root, path);
    if (destination === '/' || taken.has(destination)) return [];
    taken.add(destination);
    return [{ kind: 'volume', destination, readOnly: false, noCopy: false }];
  });
}

/** With the image's links resolved inside the image: what is compared is where the mounts will be. */
function inside(root: RootDir, path: string): string {
  try {
    return toText(root.resolve(fromText(path)));
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR', 'ELOOP', 'EXDEV')) throw error;
    throw new TsbuildError('IMAGE_INVALID', `nothing can be mounted at ${path} of the image`, {
      cause: error,
    });
  }
}

async function prepareVolume(store: Store, volume: NamedVolume, root: RootDir): Promise<void> {
  refuseFile(volume, root);
  const record = ensureVolume(store, volume);
  const copies = !volume.noCopy && volume.subpath === undefined;
  if (copies && (await needsFilling(store, volume.name))) fillVolume(store, volume, root);
  else if (record.state === 'filling') clear(store, volume.name);
  requireSubpath(store, volume);
}

/** A folder over a file would fail in the middle of the set-up, with the words of the kernel. */
function refuseFile({ destination }: NamedVolume, root: RootDir): void {
  const path = fromText(inside(root, destination));
  const found = root.tryLstat(path);
  if (found === undefined || found.type === 'directory') return;
  throw new TsbuildError('USAGE', `a volume cannot be mounted over ${destination}, which is no folder`);
}

function requireSubpath(store: Store, { name, subpath }: NamedVolume): void {
  if (subpath === undefined) return;
  using data = openRootDir(volumeData(store, name));
  try {
    data.stat(fromText(subpath));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV')) throw error;
    throw new TsbuildError('USAGE', `--mount: the volume ${name} has no ${subpath}`, {
      hint: 'volume-subpath must be there already',
    });
  }
}

/** An empty volume, or one that a killed process left half full; not while a running container has it. */
async function needsFilling(store: Store, name: string): Promise<boolean> {
  for (const record of listContainers(store).filter((each) => usesVolume(each, name))) {
    if ((await containerState(store, record.id)).status === 'running') return false;
  }
  if (readVolume(store, name)?.state === 'filling') return true;
  using data = openRootDir(volumeData(store, name));
  return data.list(fromText('.')).length === 0;
}

/** The mark stands from the first file to the last: what bears it after a crash is emptied and filled anew. */
function fillVolume(store: Store, { name, destination }: NamedVolume, root: RootDir): void {
  const record = readVolume(store, name);
  const path = fromText(inside(root, destination));
  if (record === undefined || root.tryLstat(path)?.type !== 'directory') return;
  if (record.state === 'filling') clear(store, name);
  writeVolume(store, { ...record, state: 'filling' });
  using source = root.sub(path);
  copyTree(source, volumeData(store, name));
  writeVolume(store, { ...record, state: 'ready' });
}

function clear(store: Store, name: string): void {
  const record = readVolume(store, name);
  if (record === undefined) return;
  using data = openRootDir(volumeData(store, name));
  for (const entry of data.list(fromText('.'))) data.removeAll(entry);
  writeVolume(store, { ...record, state: 'ready' });
}

/** Missing sources are made as folders for `-v`, as docker does; `--mount` refuses them. */
function ensureSource({ source, createSource }: BindRequest): void {
  if (!createSource) {
    if (statSync(source, { throwIfNoEntry: false }) !== undefined) return;
    throw new TsbuildError('USAGE', `--mount: ${source} does not exist on this machine`, {
      hint: 'make it, or use -v, which makes a folder',
    });
  }
  try {
    mkdirSync(source, { recursive: true });
  } catch (error) {
    // A file is a source like any other.
    if (isErrno(error, 'EEXIST')) return;
    const why = error instanceof Error ? error.message : String(error);
    throw new TsbuildError('USAGE', `-v: cannot make the folder ${source}: ${why}`, { cause: error });
  }
}

function mountOf(
  store: Store,
  request: MountRequest,
  volumes: ReadonlyMap<string, NamedVolume>,
): MountConfig {
  const { destination } = request;
  switch (request.kind) {
    case 'tmpfs':
      return { destination, type: 'tmpfs', source: 'tmpfs', options: request.options };
    case 'bind':
      return bindConfig(request);
    case 'volume': {
      const { name, readOnly } = volumes.get(destination) ?? { name: '', readOnly: true };
      const options = ['rbind', 'rprivate', ...(readOnly ? ['ro'] : [])];
      return { destination, type: 'bind', source: volumeData(store, name), options };
    }
  }
}

export function bindConfig(request: BindRequest): MountConfig {
  const { source, destination, recursive, propagation, readOnly, idMap } = request;
  const access = [...(readOnly ? ['ro'] : []), ...(idMap === undefined ? [] : ['idmap'])];
  const options = [recursive ? 'rbind' : 'bind', propagation, ...access];
  const maps = idMap === undefined ? {} : { uidMappings: idMap.uids, gidMappings: idMap.gids };
  return { destination, type: 'bind', source, options, ...maps };
}
