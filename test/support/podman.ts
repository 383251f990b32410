import { join } from 'node:path';
import { runOk, type CommandOptions } from './run-command.ts';

type Run = (args: readonly string[], options?: CommandOptions) => Promise<string>;

/** podman and buildah with one storage below `folder`, whose path must be short: sockets are in it. */
export function imageToolFolders(folder: string): { readonly podman: Run; readonly buildah: Run } {
  const storage = [
    ...['--root', join(folder, 'root'), '--runroot', join(folder, 'run')],
    ...['--storage-driver', 'vfs'],
  ];
  const podmanOnly = [
    '--cgroup-manager',
    'cgroupfs',
    '--events-backend',
    'none',
    '--tmpdir',
    join(folder, 'tmp'),
  ];
  return {
    podman: (args, options) => runOk(['podman', ...storage, ...podmanOnly, ...args], options),
    buildah: (args, options) => runOk(['buildah', ...storage, ...args], options),
  };
}
