import { statfsSync } from 'node:fs';

import { fromText } from '../core/index.ts';
import { addon } from './addon.ts';
import { errno, errnoError } from './errno.ts';
import { FSCONFIG_SET_STRING } from './flags.ts';

/** Calls that containers are made with, by number (the same on all processors), with the kernel that brought them. */
export const kernelCalls = {
  pidfd_send_signal: { number: 424, since: '5.1' },
  open_tree: { number: 428, since: '5.2' },
  move_mount: { number: 429, since: '5.2' },
  fsopen: { number: 430, since: '5.2' },
  pidfd_open: { number: 434, since: '5.3' },
  clone3: { number: 435, since: '5.3' },
  openat2: { number: 437, since: '5.6' },
  mount_setattr: { number: 442, since: '5.12' },
} as const;

export type KernelCall = keyof typeof kernelCalls;

/**
 * Whether the call can be made here: `missing` (ENOSYS) where the kernel is older, or a filter plays an older one;
 * `refused` (EPERM) by a filter or for want of a capability. The call itself does nothing.
 */
export function kernelCallState(call: KernelCall): 'there' | 'missing' | 'refused' {
  const result = addon().refusalOf(kernelCalls[call].number);
  if (result === -errno.ENOSYS) return 'missing';
  return result === -errno.EPERM || result === -errno.EACCES ? 'refused' : 'there';
}

const steps = ['create', 'map', 'overlay', 'proc', 'network'] as const;
export type UserNamespaceStep = (typeof steps)[number];

/**
 * Really makes a user namespace with the caller as its root, mounts an overlay (`userxattr`) of the folder's `lower`,
 * `upper` and `work` at `merged`, removes `file` in it, mounts procfs at `proc`, and makes a network namespace. All of
 * it is gone afterwards but the whiteout in `upper`. Undefined: not tried, since an earlier step failed; null: done.
 */
export function tryUserNamespace(
  folder: string,
): Readonly<Record<UserNamespaceStep, NodeJS.ErrnoException | null | undefined>> {
  const result = addon().tryUserNamespace(fromText(folder));
  const numbers = typeof result === 'number' ? [result] : result.split(' ').map(Number);
  const outcomes = steps.map((step, index) => {
    const number = numbers[index] ?? 1;
    return [step, number === 0 ? null : number > 0 ? undefined : errnoError(-number, step)] as const;
  });
  return Object.fromEntries(outcomes) as Record<UserNamespaceStep, NodeJS.ErrnoException | null | undefined>;
}

/** Whether overlay takes its lowers one by one (Linux 6.7), so that there is no limit to their number. */
export function takesLowersSingly(folder: string): boolean {
  const fs = addon().fsopen('overlay');
  if (fs < 0) return false;
  try {
    // An older kernel behind its adapter for old file systems takes any word, and fails at the creation only.
    const anything = addon().fsconfig(fs, FSCONFIG_SET_STRING, 'tsbuild_probe', 'x', 0) === 0;
    return !anything && addon().fsconfig(fs, FSCONFIG_SET_STRING, 'lowerdir+', folder, 0) === 0;
  } finally {
    addon().close(fs);
  }
}

const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x2fc12fc1: 'zfs',
  0xca451a4e: 'bcachefs',
  0xf2f52010: 'f2fs',
  0x01021994: 'tmpfs',
  0x858458f6: 'ramfs',
  0x794c7630: 'overlay',
  0x6969: 'nfs',
  0xff534d42: 'cifs',
  0xfe534d42: 'smb2',
  0x65735546: 'fuse',
  0x01021997: '9p',
  0x00c36400: 'ceph',
  0x4d44: 'vfat',
  0x2011bab0: 'exfat',
  0x61756673: 'aufs',
  0xf15f: 'ecryptfs',
  0x73717368: 'squashfs',
  0xe0f5e1e2: 'erofs',
};

export interface DiskSpace {
  /** Name of its type (statfs(2)), or the number in hexadecimal digits. */
  readonly type: string;
  /** Bytes; `free`: for this user. */
  readonly total: number;
  readonly free: number;
  /** Files; 0 of 0 where the file system has no fixed number. */
  readonly inodes: number;
  readonly freeInodes: number;
}

/** The file system of a path. Throws errno errors. */
export function diskSpace(path: string): DiskSpace {
  const { type, bsize, blocks, bavail, files, ffree } = statfsSync(path);
  return {
    type: fileSystems[type] ?? `0x${type.toString(16)}`,
    total: blocks * bsize,
    free: bavail * bsize,
    inodes: files,
    freeInodes: ffree,
  };
}
