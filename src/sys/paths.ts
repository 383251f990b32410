import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { TsbuildError } from '../core/index.ts';

let root: string | undefined;

/**
 * The folder of the package: the code runs from `src/` under the tests and from `dist/` when installed (where the
 * bundler replaces `import.meta.dirname`), so it is the nearest folder above that holds a package.json.
 */
export function packageRoot(): string {
  if (root !== undefined) return root;
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = above;
  }
  root = folder;
  return root;
}

/** Path of a compiled part (`launcher`, `fs.node`). Throws HOST_UNSUPPORTED when it was never compiled. */
export function nativePath(name: string): string {
  const path = join(packageRoot(), 'dist', 'native', name);
  if (existsSync(path)) return path;
  throw new TsbuildError('HOST_UNSUPPORTED', `the native part ${path} does not exist`, {
    hint: 'it is compiled while installing: run "npm run build" in the package folder (needs a C compiler)',
  });
}
