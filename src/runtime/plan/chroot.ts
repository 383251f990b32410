import { TsbuildError } from '../../core/index.ts';
import { joinFiles } from '../cgroup/place.ts';
import type { ContainerSpec } from '../types.ts';
import type { HostFacts } from './host.ts';

import { capabilityNames } from './numbers.ts';
import type { SetupOp } from './ops.ts';
import { outputOf } from './output.ts';
import { planCwd, planPrivileges, planStdio } from './process.ts';

/**
 * The set-up of a container in a folder of the host, without namespaces and mounts: for a builder that may make neither.
 * What the config would mount is in the folder already, or is missing. The program is kept to the folder by chroot(2)
 * alone, so it does not get the capability that leads out of one. Pure, as `planSetup`. Throws HOST_UNSUPPORTED for what
 * was asked for by name and cannot be had like this.
 */
export function planChroot(spec: ContainerSpec, host: HostFacts): readonly SetupOp[] {
  const { config, rootfs } = spec;
  const { process } = config;
  if (process.args.length === 0) throw new TsbuildError('RUNTIME_SETUP', 'there is no command to run');
  if (rootfs.kind !== 'bind') throw new TsbuildError('RUNTIME_SETUP', 'chroot needs a whole tree');
  refuseImpossible(spec);
  const { folders, cleanup, deviceProgram } = host.cgroup;
  const files = joinFiles(host.cgroup);
  const [unified] = folders;
  return [
    ...(cleanup.length > 0 ? [{ kind: 'cleanup', folders: cleanup } as const] : []),
    ...(deviceProgram !== undefined && unified !== undefined
      ? [{ kind: 'device-program', folder: unified.path, program: deviceProgram } as const]
      : []),
    { kind: 'reap-rest' },
    { kind: 'clone', create: [], join: [], output: outputOf(spec), uidMap: '', gidMap: '' },
    ...(files.length > 0 ? [{ kind: 'join-cgroup', files } as const] : []),
    { kind: 'root-folder', path: rootfs.path },
    { kind: 'keyring' },
    planStdio(spec),
    { kind: 'chroot' },
    planCwd(spec),
    ...planPrivileges(withoutFilter(spec, host), withoutEscape(host)),
    ...(spec.init === true ? [{ kind: 'init' } as const] : []),
    { kind: 'exec', args: process.args, env: process.env },
  ];
}

function refuseImpossible({ config, stdio }: ContainerSpec): void {
  const { linux, root } = config;
  const hooks = Object.values(config.hooks ?? {}).some((list) => (list ?? []).length > 0);
  const refusals: readonly (readonly [boolean, string])[] = [
    [linux.namespaces.some(({ type }) => type === 'network'), 'a network of its own (--network none)'],
    [stdio === 'terminal', 'a terminal'],
    [root.readonly === true, 'a read-only root'],
    [hooks, 'a container with hooks'],
  ];
  for (const [asked, what] of refusals) {
    if (!asked) continue;
    throw new TsbuildError(
      'HOST_UNSUPPORTED',
      `${what} needs namespaces, and isolation here is chroot alone`,
      {
        hint: namespaceHint,
      },
    );
  }
}

/** How the container around is to be started for namespaces to be had in it. */
export const namespaceHint =
  'start the surrounding container with --security-opt seccomp=unconfined (docker, podman) or --privileged';

/** Without CAP_SYS_ADMIN a filter can be set only with no_new_privs; the one around the builder holds for its children. */
function withoutFilter(spec: ContainerSpec, { capabilities }: HostFacts): ContainerSpec {
  const allowed = capabilities === undefined || capabilities.includes('CAP_SYS_ADMIN');
  if (allowed || spec.config.process.noNewPrivileges === true) return spec;
  const { seccomp: _seccomp, ...linux } = spec.config.linux;
  return { ...spec, config: { ...spec.config, linux } };
}

/** With these root leaves a chroot in three lines of C, or makes another program do it. */
const escapes: ReadonlySet<string> = new Set(['CAP_SYS_CHROOT', 'CAP_SYS_PTRACE', 'CAP_SYS_ADMIN']);

function withoutEscape(host: HostFacts): Pick<HostFacts, 'capabilities' | 'architecture'> {
  const { capabilities, architecture, cgroup } = host;
  // A builder that may do everything has no container around it whose device rules would hold for the step, too.
  const unruled = cgroup.version === 'none' && capabilities?.includes('CAP_SYS_ADMIN') !== false;
  const kept = (name: string): boolean => !escapes.has(name) && !(unruled && name === 'CAP_MKNOD');
  return { architecture, capabilities: (capabilities ?? capabilityNames).filter(kept) };
}
