import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { openRootDir, type RootDir } from '../../src/sys/index.ts';
import { tempFolder } from './temp-folder.ts';

/** The tree of an image as one folder, opened: files by their paths, `{ symlink }` for a link. */
export function imageTree(files: Readonly<Record<string, string | { readonly symlink: string }>>): RootDir & {
  /** On the host. */
  readonly folder: string;
} {
  const folder = tempFolder('tree').path;
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    if (typeof content === 'string') writeFileSync(join(folder, path), content);
    else symlinkSync(content.symlink, join(folder, path));
  }
  return Object.assign(openRootDir(folder), { folder });
}
