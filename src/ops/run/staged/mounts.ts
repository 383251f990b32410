import { mkdirSync, realpathSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';

import { fromText, isErrno, TsbuildError, type ByteString } from '../../../core/index.ts';
import type { MountConfig } from '../../../oci/runtime-spec.ts';
import { namespaceHint, type ContainerSpec } from '../../../runtime/index.ts';
import { Breath, copyWholeTree } from '../../../snapshot/index.ts';
import { openRootDir, type RootDir } from '../../../sys/index.ts';
import { fillDevices } from './devices.ts';
import { StagedPoints } from './points.ts';

/**
 * Puts what the container would mount into its tree, until the result is disposed of: where nothing can be mounted. Files
 * are copied. So is a folder that is only to be read: what the program writes there is lost, as elsewhere it would be
 * refused. A folder that is written to (a cache) is moved in, and back at the end. Of the kernel's file systems the empty
 * mount points are there. Throws HOST_UNSUPPORTED for what cannot be had like this.
 *
 * `own`: the host folder of the builder. What a user has elsewhere is never moved: a builder that is killed would leave it
 * in a tree that is then removed.
 */
export async function stageMounts(
  { config, rootfs, subpaths }: ContainerSpec,
  own: string,
): Promise<Disposable> {
  if (rootfs.kind !== 'bind') throw new TsbuildError('INTERNAL', 'only a whole tree can be staged');
  const points = new StagedPoints(rootfs.path);
  try {
    for (const mount of config.mounts) {
      const { destination } = mount;
      if (posix.resolve('/', destination) === '/dev') {
        points.place('/dev', (root, path) => fillDevices(root, path, config.linux.devices ?? []));
      } else if (isBind(mount)) {
        await stageBind(points, mount, { subpath: subpaths?.[destination] ?? '/', own });
      } else {
        points.place(destination, (root, path) => root.mkdir(path, modeOf(mount)));
      }
    }
  } catch (error) {
    points.restore();
    throw error;
  }
  return { [Symbol.dispose]: () => points.restore() };
}

function isBind({ type, options = [] }: MountConfig): boolean {
  return type === 'bind' || type === 'overlay' || options.some((option) => /^r?bind$/.test(option));
}

/** Of a tmpfs the option is the mode of its root; devpts has one of its terminals. */
function modeOf({ type, options = [] }: MountConfig): number {
  if (type !== 'tmpfs') return 0o555;
  const mode = options.map((option) => /^mode=([0-7]{3,4})$/.exec(option)?.[1]).find(Boolean);
  return mode === undefined ? 0o1777 : Number.parseInt(mode, 8);
}

async function stageBind(
  points: StagedPoints,
  mount: MountConfig,
  { subpath, own }: { readonly subpath: string; readonly own: string },
): Promise<void> {
  const { destination, options = [] } = mount;
  const host = realpathSync(mount.type === 'overlay' ? onlyLower(mount) : (mount.source ?? ''));
  const isFolder = statSync(host).isDirectory();
  using origin = openRootDir(isFolder ? host : dirname(host));
  const inside = isFolder ? fromText(subpath) : fromText(basename(host));
  const { type, mode, uid, gid } = origin.stat(inside);
  if (type === 'file' || type === 'directory') refuseUnlike(mount, host.startsWith(`${realpathSync(own)}/`));
  if (type === 'file') {
    const bytes = origin.read(inside, largestFile);
    points.place(destination, (root, path) => {
      root.write(path, bytes, mode);
      root.chown(path, uid, gid);
    });
  } else if (type !== 'directory') {
    throw new TsbuildError(
      'HOST_UNSUPPORTED',
      `the ${type} on ${destination} needs a mount, and none can be made here`,
      {
        hint: namespaceHint,
      },
    );
  } else if (options.includes('ro')) {
    await stageCopy(points, destination, { origin, inside });
  } else {
    lendFolder(points, destination, hostPathOf(host, origin, inside));
  }
}

/** What a copy would not be like: changes that stay, and other owners. */
function refuseUnlike({ destination, options = [], uidMappings }: MountConfig, isOwn: boolean): void {
  const what =
    uidMappings !== undefined
      ? 'with other owners'
      : isOwn || options.includes('ro')
        ? undefined
        : 'to write to';
  if (what === undefined) return;
  throw new TsbuildError(
    'HOST_UNSUPPORTED',
    `a mount ${what} on ${destination} needs namespaces, and isolation here is chroot alone`,
    { hint: `mount it read-only (:ro), or ${namespaceHint}` },
  );
}

/** Those that are bound are the builder's own and single ones of contexts; they are in memory for a moment. */
const largestFile = 1024 * 1024 * 1024;

/** A state of the driver that makes whole trees is one folder. */
function onlyLower({ destination, options = [] }: MountConfig): string {
  const value = (name: string): string | undefined =>
    options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const lower = value('lowerdir');
  if (lower === undefined || /[^\\]:/.test(lower) || value('upperdir') !== undefined) {
    throw new TsbuildError('INTERNAL', `the overlay on ${destination} cannot be staged`);
  }
  return lower.replaceAll(/\\(.)/g, '$1');
}

async function stageCopy(
  points: StagedPoints,
  destination: string,
  { origin, inside }: { readonly origin: RootDir; readonly inside: ByteString },
): Promise<void> {
  const path = points.place(destination, (root, place) => root.mkdir(place, 0o700));
  using from = origin.sub(inside);
  using to = points.open(path);
  await copyWholeTree(from, to, new Breath());
}

/** Moved, since a copy of a package cache, there and back, costs more than the cache saves. */
function lendFolder(points: StagedPoints, destination: string, host: string): void {
  const move = (from: string, to: string): void => {
    try {
      renameSync(from, to);
    } catch (error) {
      // Another step that shares the cache has it at the moment, or has begun a new one: this step's own is a fresh one.
      if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) throw error;
    }
  };
  points.place(
    destination,
    (root, path) =>
      inFolder(root, path, (place) => {
        move(host, place);
        mkdirSync(place, { recursive: true, mode: 0o755 });
      }),
    (root, path) => inFolder(root, path, (place) => move(place, host)),
  );
}

/** A path of the host for calls that take no descriptor: its folder is opened below the root first. */
function inFolder(root: RootDir, path: ByteString, use: (hostPath: string) => void): void {
  using folder = root.sub(posix.dirname(path) as ByteString);
  use(`/proc/self/fd/${folder.fd}/${posix.basename(path)}`);
}

function hostPathOf(host: string, origin: RootDir, inside: ByteString): string {
  return join(host, origin.resolve(inside));
}
