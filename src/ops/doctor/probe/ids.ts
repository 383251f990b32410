import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { fromText } from '../../../core/index.ts';
import { nativePath, openRootDir, tryUserNamespace } from '../../../sys/index.ts';
import type { IdMapFacts, IdMapTool, Outcome, UserFacts, UserNamespaceFacts } from '../types.ts';
import { failureOf, numberOf, textOf } from './attempt.ts';

/** `folder`: see `tryUserNamespace`; without one only the settings are read. */
export function userNamespaceFacts(folder: string | undefined): UserNamespaceFacts {
  const tried = folder === undefined ? undefined : tryUserNamespace(folder);
  const outcome = (error: NodeJS.ErrnoException | null | undefined): Outcome | undefined => {
    if (error === undefined) return undefined;
    return error === null ? { ok: true } : failureOf(error);
  };
  return {
    steps: {
      create: outcome(tried?.create),
      map: outcome(tried?.map),
      overlay: outcome(tried?.overlay),
      proc: outcome(tried?.proc),
      network: outcome(tried?.network),
    },
    unprivilegedClone: numberOf('/proc/sys/kernel/unprivileged_userns_clone'),
    most: numberOf('/proc/sys/user/max_user_namespaces'),
    apparmorRestricts: numberOf('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    program: nativePath('launcher'),
  };
}

/** Of the capabilities that a file's bits stand for (linux/capability.h). */
const capabilityBits = { newuidmap: 7, newgidmap: 6 } as const;

export function idMapFacts({ uid, name }: Pick<UserFacts, 'uid' | 'name'>): IdMapFacts {
  const [uids, gids] = ['/etc/subuid', '/etc/subgid'].map((path) => readRanges(textOf(path) ?? ''));
  const all = [...(uids ?? []), ...(gids ?? [])];
  const sizeOf = (ranges: readonly OwnedRange[] | undefined): number =>
    (ranges ?? [])
      .filter(({ owner }) => owner === name || owner === String(uid))
      .reduce((sum, { size }) => sum + size, 0);
  return {
    tools: { newuidmap: mapTool('newuidmap'), newgidmap: mapTool('newgidmap') },
    uids: sizeOf(uids),
    gids: sizeOf(gids),
    nextFree: Math.max(100_000, ...all.map(({ start, size }) => start + size)),
  };
}

interface OwnedRange {
  readonly owner: string;
  readonly start: number;
  readonly size: number;
}

/** subuid(5): `owner:start:size`; the tools pass over lines that are something else. */
function readRanges(text: string): readonly OwnedRange[] {
  return text.split('\n').flatMap((line) => {
    const [, owner = '', start, size] = /^([^:]+):(\d{1,10}):(\d{1,10})$/.exec(line.trim()) ?? [];
    return owner === '' ? [] : [{ owner, start: Number(start), size: Number(size) }];
  });
}

function mapTool(name: 'newuidmap' | 'newgidmap'): IdMapTool | undefined {
  const path = findTool(name);
  if (path === undefined) return undefined;
  const { mode, uid } = statSync(path);
  const setsUser = (mode & 0o4000) !== 0 && uid === 0;
  return { path, privileged: setsUser || hasCapability(path, capabilityBits[name]) };
}

function hasCapability(path: string, bit: number): boolean {
  const real = realpathSync(path);
  using folder = openRootDir(dirname(real));
  const value = folder.getXattr(fromText(basename(real)), fromText('security.capability'));
  // struct vfs_cap_data: a word with version and flags, then the lower word of those permitted.
  return (
    value !== undefined &&
    value.length >= 8 &&
    (Buffer.from(value, 'latin1').readUInt32LE(4) & (1 << bit)) !== 0
  );
}

/** Folders that the PATH of an ordinary user, or of a service, may leave out. */
const usual = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'];

/** A program of the machine: on the PATH first. */
export function findTool(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return [...folders, ...usual].map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
