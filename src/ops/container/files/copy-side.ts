import { statSync } from 'node:fs';
import { posix, resolve } from 'node:path';

import { fromText, toText, TsbuildError, type ByteString } from '../../../core/index.ts';
import type { MountConfig } from '../../../oci/runtime-spec.ts';
import type { Store } from '../../../store/index.ts';
import { openRootDir, type RootDir } from '../../../sys/index.ts';
import type { ContainerRecord } from '../types.ts';
import { openContainerRoot } from './container-root.ts';
import type { CopySide } from './cp-place.ts';

/** A side of a copy that is open until it is disposed of. */
export interface OpenSide extends AsyncDisposable {
  readonly side: CopySide;
  /** See `CopyOptions`. */
  readonly hollow: (path: ByteString) => boolean;
}

/** A path of this machine, relative to the working directory. */
export function openHostSide(path: string): OpenSide {
  // What `resolve` would take away from the end has a meaning.
  const absolute = path.startsWith('/') ? path : `${resolve('.')}/${path}`;
  return opened(openRootDir('/'), { path: absolute, shown: path }, () => false);
}

export interface ContainerPath {
  readonly path: string;
  readonly access: 'read' | 'write';
  /** A symlink that is read stands for what it leads to. */
  readonly follow?: boolean | undefined;
}

/**
 * A path of a container. Of one that does not run, the volumes and bind mounts are read and written where they come from;
 * what else was mounted in it is gone. Throws CONTAINER_STATE.
 */
export async function openContainerSide(
  store: Store,
  record: ContainerRecord,
  { path, access, follow = false }: ContainerPath,
): Promise<OpenSide> {
  const { name, spec } = record;
  const { mounts } = spec.config;
  const shown = `${name}:${path}`;
  const absolute = `/${path}`;
  const container = await openContainerRoot(store, record, access);
  const mount = container.running
    ? undefined
    : mountAt(mounts, placeIn(container.root, absolute, { access, follow }));
  if (mount === undefined) {
    const kernels = container.running ? mounts.filter(isKernels).map(({ destination }) => destination) : [];
    const hollow = (below: ByteString): boolean => isOneOf(kernels, below, absolute);
    const { root, mountPoints } = container;
    return {
      side: { root, path: absolute, shown, mountPoints },
      hollow,
      [Symbol.asyncDispose]: () => container[Symbol.asyncDispose](),
    };
  }
  await using _closed = container;
  const inside = posix.relative(mount.destination, toText(container.root.resolve(fromText(absolute))));
  // The end of the path says whether a folder is meant.
  const end = /\/\.?$/.exec(absolute)?.[0] ?? '';
  return mountedSide(record, mount, { inside, end, shown, access });
}

/** Where a path leads to in the root file system, a link at its end being itself where it is what is read. */
function placeIn(root: RootDir, path: string, { access, follow }: Omit<ContainerPath, 'path'>): string {
  const isItself = access === 'read' && follow !== true && !/\/\.{0,2}$/.test(path);
  if (isItself && root.tryLstat(fromText(path))?.type === 'symlink')
    return posix.join(toText(root.resolve(fromText(posix.dirname(path)))), posix.basename(path));
  return toText(root.resolve(fromText(path)));
}

interface Wanted {
  /** Below the mount; empty for all of it. */
  readonly inside: string;
  readonly end: string;
  readonly shown: string;
  readonly access: 'read' | 'write';
}

function mountedSide(record: ContainerRecord, mount: MountConfig, wanted: Wanted): OpenSide {
  const { destination, source = '', type, options } = mount;
  const { inside, end, shown, access } = wanted;
  if (access === 'write' && options?.includes('ro') === true) {
    throw new TsbuildError('COPY_FAILED', `${shown} is on a file system that is mounted read-only`);
  }
  const name = inside === '' ? posix.basename(destination) : undefined;
  const subpath = record.spec.subpaths?.[destination];
  const stat = type === 'bind' ? statSync(source, { throwIfNoEntry: false }) : undefined;
  if (stat?.isDirectory() === true) {
    const path = `/${inside}${end}`;
    const whole = openRootDir(source);
    if (subpath === undefined) return opened(whole, { path, shown, name }, () => false);
    using _whole = whole;
    return opened(whole.sub(fromText(subpath)), { path, shown, name }, () => false);
  }
  if (stat?.isFile() === true && access === 'read' && inside === '') {
    const path = `/${posix.basename(source)}${end}`;
    return opened(openRootDir(posix.dirname(source)), { path, shown, name }, () => false);
  }
  throw new TsbuildError(
    'CONTAINER_STATE',
    `${shown} is on the mount at ${destination}, which is there only while the container runs`,
    { hint: `start it first: tsbuild start ${record.name}` },
  );
}

function opened(root: RootDir, side: Omit<CopySide, 'root'>, hollow: OpenSide['hollow']): OpenSide {
  return { side: { root, ...side }, hollow, [Symbol.asyncDispose]: async () => root[Symbol.dispose]() };
}

/** The innermost mount that a path, without symlinks, is on. */
function mountAt(mounts: readonly MountConfig[], path: string): MountConfig | undefined {
  return mounts
    .filter(({ destination }) => path === destination || path.startsWith(`${destination}/`))
    .reduce<MountConfig | undefined>(
      (best, mount) =>
        best === undefined || mount.destination.length >= best.destination.length ? mount : best,
      undefined,
    );
}

/** Shows no files of anybody, and some of them have no end. */
function isKernels({ type = '' }: MountConfig): boolean {
  return ['proc', 'sysfs', 'cgroup', 'cgroup2', 'mqueue', 'devpts'].includes(type);
}

/** Whoever names a file of such a mount itself means it. */
function isOneOf(kernels: readonly string[], below: ByteString, asked: string): boolean {
  const path = `/${toText(below)}`;
  const wanted = posix.normalize(asked);
  return kernels.includes(path) && !(wanted === path || wanted.startsWith(`${path}/`));
}
