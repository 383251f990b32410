import { TsbuildError } from '../../core/index.ts';
import type { ProcessConfig, SeccompConfig } from '../../oci/runtime-spec.ts';
import { pingSysctl, portSysctl } from '../defaults.ts';
import { requireMapped } from '../mapped-ids.ts';
import { compileSeccomp, seccompFlags } from '../seccomp/index.ts';
import type { ContainerSpec } from '../types.ts';
import { idsOf, inUserNamespace, type HostFacts } from './host.ts';
import type { SetupOp } from './ops.ts';

/** What every program of a container sees, before its root is switched. */
export function planMachine(spec: ContainerSpec, host: HostFacts): SetupOp[] {
  const { hostname, domainname, linux } = spec.config;
  const own = new Set(linux.namespaces.filter(({ path }) => path === undefined).map(({ type }) => type));
  return [
    ...(hostname === undefined || !own.has('uts') ? [] : [{ kind: 'hostname', name: hostname } as const]),
    ...(domainname === undefined || !own.has('uts')
      ? []
      : [{ kind: 'domainname', name: domainname } as const]),
    ...(own.has('network') ? [{ kind: 'loopback' } as const] : []),
    ...Object.entries(linux.sysctl ?? {})
      .filter(([name, value]) => !isDefaultPing(name, value) || !inUserNamespace(spec, host))
      // Set through a procfs of the set-up's own, which is not to be had either.
      .filter(([name, value]) => !isDefaultPort(name, value) || host.covered?.proc !== true)
      .map(([name, value]) => planSysctl(name, value, spec)),
    { kind: 'keyring' },
  ];
}

/** Of `containerConfig`, which does not know where the builder runs. */
function isDefaultPing(name: string, value: string): boolean {
  return Object.entries(pingSysctl).some(([known, all]) => name === known && value === all);
}

function isDefaultPort(name: string, value: string): boolean {
  return Object.entries(portSysctl).some(([known, all]) => name === known && value === all);
}

function planSysctl(name: string, value: string, spec: ContainerSpec): SetupOp {
  const parts = name.split(/[./]/);
  if (parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part))) {
    throw new TsbuildError('RUNTIME_SETUP', `the sysctl name ${JSON.stringify(name)} is malformed`);
  }
  if (parts[0] === 'net' && !spec.config.linux.namespaces.some(({ type }) => type === 'network')) {
    throw new TsbuildError('RUNTIME_SETUP', `the sysctl ${name} would be set for the host's own network`);
  }
  return { kind: 'sysctl', path: ['sys', ...parts].join('/'), value };
}

export function planStdio(spec: ContainerSpec): SetupOp {
  const { consoleSize, user } = spec.config.process;
  if (spec.stdio !== 'terminal') return { kind: 'stdio', uid: user.uid };
  return {
    kind: 'terminal',
    columns: consoleSize?.width ?? 0,
    rows: consoleSize?.height ?? 0,
    uid: user.uid,
  };
}

/** runtime-spec config.md: a working directory is made by the runtime only where the caller says so. */
export function planCwd(spec: ContainerSpec): SetupOp {
  const { cwd, user } = spec.config.process;
  if (!cwd.startsWith('/')) {
    throw new TsbuildError('RUNTIME_SETUP', `the working directory ${cwd} is not an absolute path`);
  }
  const create = spec.createCwd === true ? { uid: user.uid, gid: user.gid } : undefined;
  return { kind: 'cwd', path: cwd, create };
}

/**
 * The order is the kernel's: the bounding set needs CAP_SETPCAP, so it comes before the change of user; a filter needs
 * CAP_SYS_ADMIN unless new privileges are off, so it comes before the capabilities are given up.
 */
export function planPrivileges(
  spec: ContainerSpec,
  host: Pick<HostFacts, 'capabilities' | 'architecture' | 'ids'>,
): SetupOp[] {
  const { process, linux } = spec.config;
  const { user, capabilities } = process;
  const ids = idsOf(spec, host);
  requireMapped(ids, user);
  const available = (names: readonly string[]): readonly string[] =>
    host.capabilities === undefined ? names : names.filter((name) => host.capabilities?.includes(name));
  return [
    ...planLimits(process),
    { kind: 'bounding', capabilities: available(capabilities.bounding) },
    {
      kind: 'user',
      uid: user.uid,
      gid: user.gid,
      groups: ids?.groupsFrozen === true ? undefined : (user.additionalGids ?? []),
    },
    { kind: 'umask', mask: user.umask ?? 0o022 },
    ...(process.noNewPrivileges === true ? [{ kind: 'no-new-privileges' } as const] : []),
    ...(linux.seccomp === undefined ? [] : [planSeccomp(linux.seccomp, host)]),
    {
      kind: 'capabilities',
      // The kernel itself empties the effective set of an ordinary user at the exec; asked for or not.
      effective: available(capabilities.effective),
      permitted: available(capabilities.permitted),
      inheritable: available(capabilities.inheritable),
      ambient: available(capabilities.ambient),
    },
  ];
}

function planLimits(process: ProcessConfig): SetupOp[] {
  const limits = process.rlimits ?? [];
  const seen = new Set<string>();
  return limits.map(({ type, soft, hard }) => {
    if (seen.has(type)) throw new TsbuildError('RUNTIME_SETUP', `the limit ${type} is given twice`);
    seen.add(type);
    return { kind: 'rlimit', resource: type, soft, hard };
  });
}

function planSeccomp(seccomp: SeccompConfig, host: Pick<HostFacts, 'architecture'>): SetupOp {
  if (host.architecture === undefined) {
    throw new TsbuildError('HOST_UNSUPPORTED', 'no system call filter can be made for this processor', {
      hint: 'run without one: --security-opt seccomp=unconfined',
    });
  }
  return {
    kind: 'seccomp',
    flags: seccompFlags(seccomp),
    program: compileSeccomp(seccomp, host.architecture),
  };
}
