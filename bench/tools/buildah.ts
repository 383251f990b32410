import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { debianBaseTar } from '../../test/support/debian-base.ts';
import { findTool } from '../../test/support/requires.ts';
import { runCommand, runOk } from '../../test/support/run-command.ts';
import type { Tool } from './types.ts';

export async function buildahTool(folder: string): Promise<Tool> {
  // The run root goes into names of sockets and must stay short.
  const store = ['--root', join(folder, 's'), '--runroot', join(folder, 'r'), '--storage-driver', 'overlay'];
  const buildah = ['buildah', ...store];
  const base = 'localhost/debian:bookworm-slim';
  mkdirSync(folder, { recursive: true });
  await runOk([...buildah, 'from', '--name', 'base', 'scratch']);
  await runOk([...buildah, 'add', '-q', 'base', await debianBaseTar(), '/']);
  await runOk([...buildah, 'commit', '-q', 'base', base]);
  await runOk([...buildah, 'rm', 'base']);
  // Without the right to raise limits (CAP_SYS_RESOURCE) its own defaults fail.
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000'];
  const podman = ['podman', ...store, '--runtime', 'runc', '--cgroup-manager', 'cgroupfs'];
  const bud = ['bud', '--layers', '--isolation', 'oci', '--runtime', 'runc', '--network', 'host'].concat([
    '--tls-verify=false',
    '--jobs',
    '0', // as many stages at once as there are
  ]);
  return {
    name: 'buildah',
    version: (await runOk(['buildah', '--version'])).split(' ')[2] ?? '',
    base,
    build: (context, tag) => ({ argv: [...buildah, ...bud, '-t', tag, context] }),
    runTrue: (tag) =>
      findTool('podman') === undefined
        ? undefined
        : { argv: [...podman, 'run', '--rm', '--network', 'host', ...limits, `localhost/${tag}`, 'true'] },
    push: (tag, to, packing) => ({
      argv: [...buildah, 'push', '--tls-verify=false', '--compression-format', packing].concat([
        `localhost/${tag}`,
        `docker://${to}`,
      ]),
    }),
    pull: (from) => ({ argv: [...buildah, 'pull', '-q', '--tls-verify=false', `docker://${from}`] }),
    async [Symbol.asyncDispose]() {
      await runCommand([
        'sh',
        '-c',
        'grep -F " $0/" /proc/mounts | cut -d" " -f2 | sort -r | xargs -r umount -l',
        folder,
      ]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
