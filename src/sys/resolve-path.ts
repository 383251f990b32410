import type { ByteString } from '../core/index.ts';
import { errno, errnoError } from './errno.ts';

/** As many as the kernel follows in one path. */
const maxLinks = 40;

/**
 * The path with all its symlinks resolved as if the root were `/`, the last component's too; what does not exist
 * stays as it is. `readlink` gives the text of the symlink at a path without symlinks, undefined for anything else.
 * The answer is a text and no protection: whoever uses it resolves it inside the root again. Throws ELOOP.
 */
export function resolvePath(
  path: ByteString,
  readlink: (path: ByteString) => ByteString | undefined,
): ByteString {
  const rest = path.split('/').reverse();
  const done: string[] = [];
  let links = 0;
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      done.pop();
      continue;
    }
    const target = readlink([...done, name].join('/') as ByteString);
    if (target === undefined) {
      done.push(name);
      continue;
    }
    if (++links > maxLinks) throw errnoError(errno.ELOOP, 'resolve', path);
    if (target.startsWith('/')) done.length = 0;
    rest.push(...target.split('/').reverse());
  }
  return `/${done.join('/')}` as ByteString;
}
