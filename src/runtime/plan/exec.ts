import { TsbuildError } from '../../core/index.ts';
import type { NamespaceType } from '../../oci/runtime-spec.ts';
import type { ContainerSpec } from '../types.ts';
import type { HostFacts } from './host.ts';
import { planLabels } from './labels.ts';
import type { NamespaceToJoin, SetupOp } from './ops.ts';
import { outputOf } from './output.ts';
import { planCwd, planPrivileges, planStdio } from './process.ts';

/** Where a container that runs is: its first process as the host numbers it, and the files to join its cgroups by. */
export interface ExecTarget {
  readonly pid: number;
  readonly cgroupFiles: readonly string[];
}

/** The name of each namespace below /proc/PID/ns; that of mounts last, since with it the host's /proc is gone. */
const files: readonly (readonly [NamespaceType, string])[] = [
  ['user', 'user'],
  ['ipc', 'ipc'],
  ['uts', 'uts'],
  ['network', 'net'],
  ['cgroup', 'cgroup'],
  ['time', 'time'],
  ['mount', 'mnt'],
];

/**
 * One more process in a container: `spec` is the container's with the process to run. Pure. The pid namespace is joined
 * by the launcher's outer process, which makes its child a member; all others by the child, after it has joined the
 * cgroups, whose files are the host's.
 */
export function planExec(
  spec: ContainerSpec,
  { pid, cgroupFiles }: ExecTarget,
  host: Pick<HostFacts, 'capabilities' | 'architecture' | 'modules' | 'ids'>,
): readonly SetupOp[] {
  const { process, linux } = spec.config;
  if (process.args.length === 0) throw new TsbuildError('RUNTIME_SETUP', 'there is no command to run');
  const own = new Set(linux.namespaces.map(({ type }) => type));
  const place = (type: NamespaceType, file: string): NamespaceToJoin => ({
    type,
    path: `/proc/${pid}/ns/${file}`,
  });
  return [
    { kind: 'leave-rest' },
    ...(process.oomScoreAdj === undefined
      ? []
      : [{ kind: 'oom-score', value: process.oomScoreAdj } as const]),
    {
      kind: 'clone',
      create: [],
      join: own.has('pid') ? [place('pid', 'pid')] : [],
      output: outputOf(spec),
      uidMap: '',
      gidMap: '',
    },
    ...(cgroupFiles.length > 0 ? [{ kind: 'join-cgroup', files: cgroupFiles } as const] : []),
    ...planLabels(spec, host),
    { kind: 'enter', join: files.flatMap(([type, file]) => (own.has(type) ? [place(type, file)] : [])) },
    { kind: 'keyring' },
    planStdio(spec),
    planCwd({ ...spec, createCwd: false }),
    ...planPrivileges(spec, host),
    { kind: 'exec', args: process.args, env: process.env },
  ];
}
