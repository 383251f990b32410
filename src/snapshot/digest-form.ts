import type { ByteString } from '../core/index.ts';
import type { Entry } from './types.ts';

/**
 * An entry as it goes into a content digest: all but its time (L-172). One line of JSON, after which come exactly
 * `size` bytes of content, so that no two trees have the same form.
 */
export function digestLine(path: ByteString, entry: Entry): string {
  const { type, mode, uid, gid, size, link = '', device, xattrs } = entry;
  const { major, minor } = device ?? { major: 0, minor: 0 };
  return `${JSON.stringify([path, type, mode, uid, gid, size, link, major, minor, xattrs])}\n`;
}

export function removalLine(path: ByteString): string {
  return `${JSON.stringify([path, 'remove'])}\n`;
}
