import type { Facts, Fix } from '../types.ts';
import { advice, asRoot } from './fixes.ts';
import { bytesText, inContainer, isRoot, ok, skipped, type Judgement } from './judgement.ts';

const elsewhere = advice('point --root (TSBUILD_ROOT) to a folder that you may write, or that can be made');

export function judgeStore(facts: Facts): Judgement {
  const { root, state, error, writable } = facts.store;
  if (state === 'refused') {
    const fixes = error?.hint === undefined ? [elsewhere] : [advice(error.hint)];
    return {
      status: 'error',
      found: error?.message ?? `${root} cannot be opened`,
      lost: 'nothing works',
      fixes,
    };
  }
  if (!writable.ok) {
    const full = writable.code === 'ENOSPC' || writable.code === 'EDQUOT';
    return {
      status: 'error',
      found: full
        ? `${facts.disk.path} is full`
        : `nothing can be written in ${facts.disk.path} (${writable.code})`,
      lost: 'nothing can be built',
      fixes: full ? spaceFixes : [...ownFolder(facts), elsewhere],
    };
  }
  return ok(state === 'there' ? root : `${root}, made at the first use`);
}

function ownFolder(facts: Facts): readonly Fix[] {
  const { root, writable } = facts.store;
  if (isRoot(facts) || writable.ok || writable.code !== 'EACCES') return [];
  return [asRoot(facts, `install -d -m 700 -o ${facts.user.name} ${root}`)];
}

const spaceFixes: readonly Fix[] = [
  advice('remove images (tsbuild images, tsbuild rmi), or point --root (TSBUILD_ROOT) to a larger disk'),
];

/** Bytes and files below which a build of anything fails, and below which one of something large does. */
const least = { bytes: 64 * 2 ** 20, inodes: 1000 };
const little = { bytes: 2 * 2 ** 30, inodes: 50_000 };

/** Whose locks and times belong to another machine. */
const remote: ReadonlySet<string> = new Set(['nfs', 'cifs', 'smb2', '9p', 'ceph']);
const inMemory: ReadonlySet<string> = new Set(['tmpfs', 'ramfs']);

export function judgeDisk(facts: Facts): Judgement {
  const { type, free, inodes, freeInodes, flock, xattrs, reflinks, path } = facts.disk;
  if (!facts.store.writable.ok && facts.store.writable.code !== 'ENOSPC') {
    return skipped(`${path}: not looked at, since nothing can be written there`);
  }
  const files = inodes === 0 ? '' : `, ${freeInodes} files`;
  const found = `${bytesText(free)}${files} free on ${type}`;
  const isOut = (limit: typeof least): boolean =>
    free < limit.bytes || (inodes > 0 && freeInodes < limit.inodes);
  if (isOut(least)) return { status: 'error', found, lost: 'builds fail with DISK_FULL', fixes: spaceFixes };
  if (flock?.ok === false) {
    const lost = 'locks: the store cannot be used';
    return {
      status: 'error',
      found: `${type} has no locks (${flock.code})`,
      lost,
      needs: ['volume'],
      fixes: [localDisk],
    };
  }
  if (remote.has(type)) {
    const lost = 'speed, overlay mounts, and locks that hold between machines';
    return {
      status: 'warning',
      found,
      lost,
      needs: ['volume'],
      fixes: inContainer(facts) ? [] : [localDisk],
    };
  }
  if (xattrs?.ok === false) {
    return {
      status: 'warning',
      found: `${type} has no extended attributes (${xattrs.code})`,
      lost: 'file capabilities (ping, and whatever setcap marked), and overlay mounts',
      needs: ['volume'],
      fixes: inContainer(facts) ? [] : [localDisk],
    };
  }
  if (isOut(little)) return { status: 'warning', found, lost: 'room for large images', fixes: spaceFixes };
  const memory = inMemory.has(type) ? '; it is memory, and empty after the next start' : '';
  return ok(`${found}${memory}${reflinks ? '; copies share their blocks' : ''}`);
}

const localDisk = advice('point --root (TSBUILD_ROOT) to a folder on a local disk with ext4, xfs or btrfs');
