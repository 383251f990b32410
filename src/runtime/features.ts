import type { Json } from '../core/index.ts';
import { hookStages, seccompActions, seccompOperators } from '../oci/index.ts';
import { cgroupManager } from './cgroup/index.ts';
import { mountOptionWords } from './plan/mount-options.ts';
import { capabilityNames, namespaceFlags } from './plan/numbers.ts';
import { knownSeccompFlags } from './seccomp/flags.ts';
import { securityModules } from './security-modules.ts';

/** What the spec calls the architectures that filters are compiled for. */
const architectures = [
  'SCMP_ARCH_AARCH64',
  'SCMP_ARCH_ARM',
  'SCMP_ARCH_X32',
  'SCMP_ARCH_X86',
  'SCMP_ARCH_X86_64',
];

/**
 * The features structure of the runtime spec (features.md, features-linux.md): what a config.json may ask of this
 * runtime, on any machine, but for the security modules and cgroups, which are this one's.
 */
export function runtimeFeatures(): Json {
  const modules = securityModules();
  const { version } = cgroupManager('auto');
  const flags = Object.keys(knownSeccompFlags);
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: '1.2.0',
    hooks: [...hookStages],
    mountOptions: [...mountOptionWords],
    linux: {
      namespaces: Object.keys(namespaceFlags).toSorted(),
      capabilities: [...capabilityNames],
      cgroup: {
        v1: version === 'v1',
        v2: version === 'v2',
        systemd: false,
        systemdUser: false,
        rdma: true,
      },
      seccomp: {
        enabled: true,
        actions: [...seccompActions],
        operators: [...seccompOperators],
        archs: architectures,
        knownFlags: flags,
        supportedFlags: flags,
      },
      apparmor: { enabled: modules.includes('apparmor') },
      selinux: { enabled: modules.includes('selinux') },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
    },
    potentiallyUnsafeConfigAnnotations: [],
  };
}
