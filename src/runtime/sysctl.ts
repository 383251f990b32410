import { TsbuildError } from '../core/index.ts';

/** Which namespaces of its own a container has, as far as parameters of the kernel belong to them. */
export interface SysctlNamespaces {
  readonly ipc: boolean;
  readonly uts: boolean;
  readonly network: boolean;
}

const ofIpc: ReadonlySet<string> = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/**
 * `--sysctl name=value` values. Only parameters of a namespace that is the container's own are taken: the others are
 * the machine's, and setting them would change it for everybody. Throws USAGE.
 */
export function parseSysctls(
  values: readonly string[],
  namespaces: SysctlNamespaces,
): Readonly<Record<string, string>> {
  return Object.fromEntries(values.map((value) => parseSysctl(value, namespaces)));
}

function parseSysctl(text: string, own: SysctlNamespaces): readonly [name: string, value: string] {
  const [, written, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (written === undefined || value === undefined || !/^[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)+$/.test(written))
    throw invalid(text, 'expected name=value such as net.core.somaxconn=1024');
  if (/[\0\n]/.test(value)) throw invalid(text, 'the value must be one line');
  const name = written.replaceAll('/', '.');
  const namespace = namespaceOf(name);
  if (namespace === undefined)
    throw invalid(text, `${name} belongs to the machine and not to a namespace: set it there`);
  if (!own[namespace])
    throw invalid(
      text,
      `the container shares the machine's ${namespace} namespace, which ${name} belongs to`,
    );
  return [name, value];
}

function namespaceOf(name: string): keyof SysctlNamespaces | undefined {
  if (name.startsWith('net.')) return 'network';
  if (ofIpc.has(name) || name.startsWith('fs.mqueue.')) return 'ipc';
  return name === 'kernel.domainname' ? 'uts' : undefined;
}

function invalid(text: string, hint: string): TsbuildError {
  return new TsbuildError('USAGE', `--sysctl: invalid value ${JSON.stringify(text)}`, { hint });
}
