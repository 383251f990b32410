import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { fromText } from '../../core/index.ts';
import { openRootDir, type RootDir } from '../../sys/index.ts';

/**
 * The folders that hold what a container writes. The upper one's own attributes show as those of `/`: they are the
 * image's, whatever the umask of who runs it.
 */
export function makeWritable(
  folder: string,
  image: RootDir,
): { readonly upper: string; readonly work: string } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  using root = openRootDir(folder);
  const { uid, gid, mode, mtime, mtimeNanos } = image.lstat(fromText('.'));
  const upper = fromText('fs');
  root.mkdir(upper, 0o700);
  root.chown(upper, uid, gid);
  root.chmod(upper, mode);
  root.setTimes(upper, { seconds: mtime, nanos: mtimeNanos });
  root.mkdir(fromText('work'), 0o700);
  return { upper: join(folder, 'fs'), work: join(folder, 'work') };
}
