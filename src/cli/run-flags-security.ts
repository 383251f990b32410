import { Option, type Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import type { SecurityChoices } from '../ops/index.ts';
import {
  chooseCapabilities,
  isCdiName,
  parseDeviceRules,
  parseDevices,
  parseSecurityOptions,
  parseSysctls,
} from '../runtime/index.ts';
import { collect } from './command.ts';

export interface SecurityFlags {
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly privileged?: boolean;
  readonly securityOpt?: readonly string[];
  readonly device?: readonly string[];
  readonly deviceCgroupRule?: readonly string[];
  readonly sysctl?: readonly string[];
  readonly groupAdd?: readonly string[];
  readonly ipc?: 'private' | 'host';
  readonly pid?: 'private' | 'host';
  readonly uts?: 'private' | 'host';
  readonly cgroupns?: 'private' | 'host';
  readonly network: string;
}

export function addSecurityOptions(command: Command): Command {
  return command
    .option('--cap-add <capability>', 'give it a capability, as NET_ADMIN, or ALL; repeatable', collect)
    .option('--cap-drop <capability>', 'take a capability away, or ALL; repeatable', collect)
    .option('--privileged', 'all capabilities and devices, no filter, nothing masked')
    .option(
      '--security-opt <name[=value]>',
      'seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined, apparmor=, label=; repeatable',
      collect,
    )
    .option(
      '--device <host[:dst[:rwm]]>',
      'a device of this machine, a folder of them, or one of CDI (vendor.com/class=name); repeatable',
      collect,
    )
    .option('--device-cgroup-rule <rule>', "device rule, as 'c 10:200 rwm'; repeatable", collect)
    .option('--sysctl <name=value>', 'kernel parameter of its own namespaces; repeatable', collect)
    .option('--group-add <group>', 'one more group, by name or number; repeatable', collect)
    .addOption(namespaceOption('ipc', 'shared memory, semaphores and queues'))
    .addOption(namespaceOption('pid', 'processes'))
    .addOption(namespaceOption('uts', 'host name'))
    .addOption(namespaceOption('cgroupns', 'view of the cgroup tree'))
    .addOption(
      new Option('--userns <host>', 'user ids: those of whoever runs tsbuild').argParser(parseUserNamespace),
    );
}

function namespaceOption(name: string, what: string): Option {
  return new Option(`--${name} <private|host>`, `whether its ${what} are the machine's`).choices([
    'private',
    'host',
  ]);
}

/**
 * A map of ids for one container needs its layers mounted with the same map, which an overlay does not take: docker
 * remaps its whole store, podman copies or maps each layer. Throws USAGE.
 */
function parseUserNamespace(text: string): 'host' {
  if (text === 'host' || text === '') return 'host';
  throw new TsbuildError('USAGE', `--userns: ${JSON.stringify(text)} is not supported`, {
    hint: 'run tsbuild as an ordinary user: then the root of every container is none of the machine',
  });
}

/** Throws USAGE. */
export function securityOf(flags: SecurityFlags): SecurityChoices {
  const { capAdd = [], capDrop = [], privileged = false, device = [] } = flags;
  const namespaces = {
    ipc: flags.ipc !== 'host',
    pid: flags.pid !== 'host',
    uts: flags.uts !== 'host',
    cgroup: flags.cgroupns !== 'host',
  };
  return {
    privileged,
    capAdd,
    capDrop,
    capabilities: chooseCapabilities({
      add: capAdd,
      drop: capDrop,
      from: privileged ? 'all' : 'default',
    }),
    options: parseSecurityOptions(flags.securityOpt ?? []),
    securityOpt: flags.securityOpt ?? [],
    devices: parseDevices(device.filter((text) => !isCdiName(text))),
    cdiDevices: device.filter(isCdiName),
    deviceRules: parseDeviceRules(flags.deviceCgroupRule ?? []),
    sysctls: parseSysctls(flags.sysctl ?? [], { ...namespaces, network: flags.network !== 'host' }),
    groups: flags.groupAdd ?? [],
    namespaces,
  };
}
