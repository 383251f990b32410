import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { fromErrno, fromText, isErrno, TsbuildError } from '../../core/index.ts';
import type { CapabilitySets, MountConfig, RuntimeConfig } from '../../oci/runtime-spec.ts';
import { ownCapabilities, printConfig } from '../../runtime/index.ts';
import { openRootDir, type RootDir } from '../../sys/index.ts';
import { copyFiles } from './files/cp.ts';
import { mergedRoot } from './files/container-root.ts';
import type { ContainerRecord } from './types.ts';

/**
 * Writes an OCI bundle (runtime-spec bundle.md) of a container that was made and not started: config.json and the root
 * file system as `rootfs`. Nothing in it needs tsbuild, or the container, which may be removed. `folder` must not exist;
 * when this fails, it does not. Throws USAGE for a container of which no config.json can tell.
 */
export async function writeBundle(
  record: ContainerRecord,
  options: { readonly folder: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const folder = resolve(options.folder);
  const own = record.spec.rootfs.kind === 'overlay' ? dirname(record.spec.rootfs.overlay.upper) : '/';
  const { config, files } = bundleConfig(record, own);
  makeFolder(folder);
  try {
    if (files.length > 0) mkdirSync(join(folder, 'files'), { mode: 0o755 });
    for (const file of files) copyFileSync(join(own, file), join(folder, 'files', file));
    await copyRoot(record, folder, options.signal);
    writeFileSync(join(folder, 'config.json'), `${printConfig(config)}\n`, { mode: 0o644 });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

export interface BundleConfig {
  readonly config: RuntimeConfig;
  /** Names of files in the container's own folder that its mounts take from `files/` of the bundle. */
  readonly files: readonly string[];
}

/** Pure but for what the builder itself may do. `own`: the folder of the container, which the bundle must not need. */
export function bundleConfig({ spec, volumes = [] }: ContainerRecord, own: string): BundleConfig {
  if (spec.init === true) throw refused('--init: the reaper is a part of tsbuild, and runc has none');
  const { config } = spec;
  const { process, linux } = config;
  const joined = linux.namespaces.find(({ path }) => path !== undefined);
  if (joined !== undefined) {
    throw refused(
      `its ${joined.type} namespace is one that tsbuild made and holds`,
      'use --network host or none',
    );
  }
  // What the image has at their places is in the root: a volume of its own would begin with that, too.
  const anonymous = new Set(volumes.filter((use) => use.anonymous).map(({ destination }) => destination));
  const kept = config.mounts.filter(({ destination }) => !anonymous.has(destination));
  const mounts = kept.map((mount) => bundleMount(mount, own, spec.subpaths?.[mount.destination]));
  return {
    config: {
      ...config,
      root: { ...config.root, path: 'rootfs' },
      process: { ...process, capabilities: availableOf(process.capabilities) },
      mounts,
      linux: {
        ...linux,
        // Without rules every device opens here, and none under runc.
        resources: {
          ...linux.resources,
          devices: linux.resources?.devices ?? [{ allow: true, access: 'rwm' }],
        },
      },
    },
    files: kept.flatMap(({ source = '' }) => (isOwn(source, own) ? [basename(source)] : [])),
  };
}

function isOwn(source: string, own: string): boolean {
  return source === join(own, basename(source));
}

function bundleMount(mount: MountConfig, own: string, subpath = ''): MountConfig {
  const { destination, type, source = '' } = mount;
  if (subpath !== '') throw refused(`${destination} is a folder inside a volume`, 'mount the whole volume');
  if (type === 'overlay') throw refused(`${destination} is an overlay of layers of the store`);
  // A relative source of a bind is below the bundle, which may thus be moved.
  return isOwn(source, own) ? { ...mount, source: join('files', basename(source)) } : mount;
}

/** Here those that the builder lacks are left out; runc fails over them. */
function availableOf(sets: CapabilitySets): CapabilitySets {
  const available = new Set(ownCapabilities());
  const only = (names: readonly string[]): readonly string[] => names.filter((name) => available.has(name));
  return {
    bounding: only(sets.bounding),
    effective: only(sets.effective),
    permitted: only(sets.permitted),
    inheritable: only(sets.inheritable),
    ambient: only(sets.ambient),
  };
}

async function copyRoot(
  record: ContainerRecord,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const rootfs = join(folder, 'rootfs');
  mkdirSync(rootfs, { mode: 0o755 });
  using from = mergedRoot(record);
  using to = openRootDir(rootfs);
  await copyFiles(
    { root: from, path: '/.', shown: record.name },
    { root: to, path: '/', shown: rootfs },
    // Device nodes and set-id bits belong to it: only the bundle's folder, closed to others, stands over them.
    { follow: false, owner: undefined, privileges: true, hollow: () => false, signal },
  );
  if (record.spec.createCwd === true) makeCwd(to, record.spec.config.process);
  const { uid, gid, mode } = from.lstat(fromText('.'));
  to.chown(fromText('.'), uid, gid);
  to.chmod(fromText('.'), mode);
}

/** runc makes none. The parts that are missing belong to the user, as those that tsbuild makes. */
function makeCwd(root: RootDir, { cwd, user }: RuntimeConfig['process']): void {
  const parts = cwd.split('/').filter(Boolean);
  for (const end of parts.keys()) {
    const path = fromText(parts.slice(0, end + 1).join('/'));
    if (exists(root, path)) continue;
    root.mkdir(path, 0o755);
    root.chown(path, user.uid, user.gid);
  }
}

function exists(root: RootDir, path: ReturnType<typeof fromText>): boolean {
  return root.tryLstat(path) !== undefined;
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (isErrno(error, 'EEXIST')) {
      throw new TsbuildError('USAGE', `--print-bundle: ${folder} exists`, {
        hint: 'name a folder that is to be made',
      });
    }
    throw fromErrno(error, `making the folder ${folder}`);
  }
}

function refused(why: string, hint?: string): TsbuildError {
  return new TsbuildError('USAGE', `--print-bundle: ${why}`, hint === undefined ? {} : { hint });
}
