import { join, posix } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import type { CgroupName, CgroupPlacement } from './types.ts';

/** Containers' folders are below this one in each hierarchy, unless a path is given. */
export const defaultParent = 'tsbuild';

/** The folders from the hierarchy's own down to the container's, each inside the one before. Throws LIMIT_UNAVAILABLE. */
export function cgroupFolders(mount: string, { id, path }: CgroupName): { above: string[]; own: string } {
  const segments = path === undefined ? [defaultParent, id] : splitPath(path);
  const folders = segments.map((_, index) => join(mount, ...segments.slice(0, index + 1)));
  return { above: folders.slice(0, -1), own: folders.at(-1) ?? mount };
}

/** Of containers with that parent, or with none of their own. Throws LIMIT_UNAVAILABLE. */
export function parentFolder(mount: string, parent: string | undefined): string {
  return join(mount, ...(parent === undefined ? [defaultParent] : splitPath(parent)));
}

/**
 * The files that a process of one thread joins the cgroups by when it writes 0 to each. v1 has one for threads: before it
 * moves a whole process the kernel waits until no other forks or ends (an RCU grace period, 10 ms and more). A thread of
 * v2 cannot leave the domain that it is in.
 */
export function joinFiles({ version, folders }: Pick<CgroupPlacement, 'version' | 'folders'>): string[] {
  return folders.map(({ path }) => join(path, version === 'v1' ? 'tasks' : 'cgroup.procs'));
}

function splitPath(path: string): string[] {
  // `..` would lead to the folders of others; systemd's form (slice:prefix:name) names no folder at all.
  const valid = /^(\/[A-Za-z0-9_.@-]{1,200}){1,16}$/.test(path) && posix.normalize(path) === path;
  if (valid) return path.slice(1).split('/');
  throw new TsbuildError('LIMIT_UNAVAILABLE', `the cgroup path ${JSON.stringify(path)} cannot be used`, {
    hint: 'an absolute path such as /group/name is expected; slices of systemd are not supported',
  });
}
