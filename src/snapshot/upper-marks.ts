import type { ByteString } from '../core/index.ts';
import { openRootDir, overlayXattrPrefix, type RootDir } from '../sys/index.ts';

const here = '.' as ByteString;

/** Whether an upper directory neither has anything nor hides what is below. */
export function isEmpty(upper: RootDir): boolean {
  return upper.list(here).length === 0 && !isOpaque(upper);
}

/** Whether an upper directory says nothing about a name of its root. A whiteout is an entry, too. */
export function isUntouched(path: string, name: ByteString): boolean {
  using upper = openRootDir(path);
  return upper.tryLstat(name) === undefined && !isOpaque(upper);
}

function isOpaque(upper: RootDir): boolean {
  return upper.getXattr(here, `${overlayXattrPrefix()}opaque` as ByteString) !== undefined;
}
