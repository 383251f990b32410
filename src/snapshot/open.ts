import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

import { inUserNamespace, makeFolder, makeScratchFolder, mountOverlay, rootDirOf } from '../sys/index.ts';
import { copyingSnapshotter } from './copying.ts';
import { overlaySnapshotter } from './overlay.ts';
import type { LocalSnapshotter } from './types.ts';

export interface OpenSnapshotterOptions {
  /** Whether this process may mount anything, and containers are given mounts; else there are only copies. */
  readonly mounting?: boolean | undefined;
  /** Told what is lost when the first tree is copied that an overlay would not have to be. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** Snapshots in `path`: overlays where the kernel mounts them there, else copies, with a warning that says so. */
export function openSnapshotter(
  path: string,
  { mounting = true, warn }: OpenSnapshotterOptions = {},
): LocalSnapshotter {
  const refusal = mounting ? refusalOf(path) : 'without namespaces nothing is mounted';
  if (refusal === undefined) return overlaySnapshotter(path);
  const copying = copyingSnapshotter(path);
  const advice = mounting ? '; a store on a volume avoids it (--root, TSBUILD_ROOT)' : '';
  let told = false;
  return {
    ...copying,
    prepare(parent) {
      if (parent !== undefined && !told) {
        told = true;
        warn?.(
          `storage fallback "copy": ${refusal}, so each step copies the whole file system of the one before, ` +
            `which takes time and disk space${advice}`,
        );
      }
      return copying.prepare(parent);
    },
  };
}

/** Magic numbers (statfs(2)) of file systems that are known to take overlay uppers: ext4, xfs, btrfs, tmpfs, f2fs. */
const capable: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010]);

function refusalOf(path: string): string | undefined {
  makeFolder(path, 0o700);
  // In a user namespace the kernel's version and the file system's attributes decide, too.
  if (!inUserNamespace() && capable.has(statfsSync(path).type)) return undefined;
  using probe = makeScratchFolder(path);
  try {
    const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => {
      const folder = join(probe.path, name);
      mkdirSync(folder);
      return folder;
    });
    if (lower === undefined || upper === undefined || work === undefined) return undefined;
    rootDirOf(mountOverlay({ lowers: [lower], upper, work }))[Symbol.dispose]();
    return undefined;
  } catch (error) {
    // The first words name the errno; the rest is of the probe's own folders.
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split(',');
    return `no overlay can be mounted in the store (${reason})`;
  }
}
