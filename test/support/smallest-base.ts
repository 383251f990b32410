import { copyFileSync, existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { findTool } from './requires.ts';
import { runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** A tar of a base with a dozen files, so that little of what a build does is unpacking it. Needs `tool:busybox`. */
export async function smallestBase(): Promise<string> {
  const tar = join(inject('runFolder'), 'smallest-base.tar');
  if (existsSync(tar)) return tar;
  using folder = tempFolder('base', { remove: true });
  const root = join(folder.path, 'root');
  for (const name of ['bin', 'etc', 'tmp']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(findTool('busybox') ?? '/bin/busybox', join(root, 'bin/busybox'));
  for (const name of ['cat', 'cp', 'echo', 'mkdir', 'rm', 'sh', 'sleep', 'touch', 'true'])
    symlinkSync('busybox', join(root, 'bin', name));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  const part = join(folder.path, 'part.tar');
  await runOk(['tar', '--owner=0', '--group=0', '--numeric-owner', '-C', root, '-cf', part, '.']);
  renameSync(part, tar);
  return tar;
}
