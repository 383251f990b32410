import { join, posix } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import type { CgroupName } from './types.ts';

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

function splitPath(path: string): string[] {
  // `..` would lead to the folders of others; systemd's form (slice:prefix:name) names no folder at all.
  const valid = /^(\/[A-Za-z0-9_.@-]{1,200}){1,16}$/.test(path) && posix.normalize(path) === path;
  if (valid) return path.slice(1).split('/');
  throw new TsbuildError('LIMIT_UNAVAILABLE', `the cgroup path ${JSON.stringify(path)} cannot be used`, {
    hint: 'an absolute path such as /group/name is expected; slices of systemd are not supported',
  });
}
