import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { findTool } from './requires.ts';
import { runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** The name under which tests import the busybox base. */
export const busyboxName = 'busybox:1';

/** Fills an empty folder with a root file system of one static program and its names. Needs `tool:busybox`. */
export async function busyboxRootfs(folder: string): Promise<void> {
  const program = findTool('busybox') ?? '/bin/busybox';
  for (const path of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'var']) {
    mkdirSync(join(folder, path), { mode: path === 'root' ? 0o700 : 0o755 });
  }
  chmodSync(join(folder, 'tmp'), 0o1777);
  copyFileSync(program, join(folder, 'bin/busybox'));
  for (const applet of (await runOk([program, '--list'])).split('\n')) {
    if (applet !== 'busybox') symlinkSync('busybox', join(folder, 'bin', applet));
  }
  const passwd = 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\nada:x:1000:1000::/tmp:/bin/sh\n';
  writeFileSync(join(folder, 'etc/passwd'), passwd);
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\ndaemon:x:1:\nada:x:1000:\nstaff:x:50:ada\n');
}

/** The same as a tar; 2 MB, made once per run of the tests. */
export async function busyboxTar(): Promise<string> {
  const tar = join(inject('runFolder'), 'busybox.tar');
  if (existsSync(tar)) return tar;
  using folder = tempFolder('busybox', { remove: true });
  const root = join(folder.path, 'root');
  mkdirSync(root);
  await busyboxRootfs(root);
  const part = join(folder.path, 'part.tar');
  await runOk([
    'tar',
    '--owner=0',
    '--group=0',
    '--mtime=@1000000000',
    '--sort=name',
    '-cf',
    part,
    '-C',
    root,
    '.',
  ]);
  // Another test file may be as far: either result will do.
  await runOk(['mv', part, tar]);
  return tar;
}
