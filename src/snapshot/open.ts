import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

import { mountOverlay, rootDirOf } from '../sys/index.ts';
import { copyingSnapshotter } from './copying.ts';
import { overlaySnapshotter } from './overlay.ts';
import type { LocalSnapshotter } from './types.ts';

export interface OpenedSnapshots {
  readonly snapshotter: LocalSnapshotter;
  /** What the user is to know when snapshots are not overlays. */
  readonly warning?: string | undefined;
}

/**
 * Snapshots in `path`: overlays where the kernel mounts them there, else copies, with a warning that says so.
 * `mounting: false` is for who may not mount at all.
 */
export function openSnapshotter(
  path: string,
  { mounting = true }: { readonly mounting?: boolean } = {},
): OpenedSnapshots {
  const refusal = mounting ? refusalOf(path) : 'nothing can be mounted here';
  if (refusal === undefined) return { snapshotter: overlaySnapshotter(path) };
  return {
    snapshotter: copyingSnapshotter(path),
    warning:
      `storage fallback "copy": ${refusal}, so each step copies the whole file system of the one before: ` +
      'builds take longer and more disk space (a store on a volume avoids this: --root, TSBUILD_ROOT)',
  };
}

/** Magic numbers (statfs(2)) of file systems that are known to take overlay uppers: ext4, xfs, btrfs, tmpfs, f2fs. */
const capable: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010]);

function refusalOf(path: string): string | undefined {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  // In a user namespace the kernel's version and the file system's attributes decide, too.
  if (!inUserNamespace() && capable.has(statfsSync(path).type)) return undefined;
  const probe = mkdtempSync(join(path, '.probe-'));
  try {
    const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => {
      const folder = join(probe, name);
      mkdirSync(folder);
      return folder;
    });
    if (lower === undefined || upper === undefined || work === undefined) return undefined;
    rootDirOf(mountOverlay({ lowers: [lower], upper, work }))[Symbol.dispose]();
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `no overlay can be mounted in ${path} (${reason})`;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
}
