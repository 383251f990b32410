import { TsbuildError } from '../../core/index.ts';
import type { ContainerSpec } from '../types.ts';
import type { HostFacts } from './host.ts';
import type { SetupOp } from './ops.ts';

/** The longest that one write to a file of procfs takes, with what is before the name. */
const longest = 4000;

/**
 * What AppArmor and SELinux are to hold the program to. It takes effect when the program is executed and outlives every
 * change of ids before, so it is asked for while the host's /proc is still there: in the container's, mounts could stand
 * where the file should (CVE-2019-16884). Throws HOST_UNSUPPORTED: a label that is asked for and not set would leave the
 * container less confined than its user believes.
 */
export function planLabels(spec: ContainerSpec, { modules = [] }: Pick<HostFacts, 'modules'>): SetupOp[] {
  const { apparmorProfile: profile = '', selinuxLabel: label = '' } = spec.config.process;
  const ops: SetupOp[] = [];
  // Without AppArmor everything is unconfined.
  if (profile !== '' && (profile !== 'unconfined' || modules.includes('apparmor'))) {
    if (!modules.includes('apparmor')) throw lacking(`the AppArmor profile ${profile}`, 'AppArmor');
    ops.push({
      kind: 'label',
      attribute: 'apparmor/exec',
      value: `exec ${checked('AppArmor profile', profile)}`,
    });
  }
  if (label !== '') {
    if (!modules.includes('selinux')) throw lacking(`the SELinux label ${label}`, 'SELinux');
    const value = checked('SELinux label', label);
    // Keys of the session keyring, too: else the program could not use its own.
    ops.push({ kind: 'label', attribute: 'exec', value }, { kind: 'label', attribute: 'keycreate', value });
  }
  return ops;
}

/** `context` of a mount: the label of every file in it. Undefined for none. Throws HOST_UNSUPPORTED. */
export function mountContext(
  spec: ContainerSpec,
  { modules = [] }: Pick<HostFacts, 'modules'>,
): string | undefined {
  const { mountLabel: label = '' } = spec.config.linux;
  if (label === '') return undefined;
  if (!modules.includes('selinux')) throw lacking(`the SELinux label ${label} of mounts`, 'SELinux');
  return checked('SELinux label', label);
}

/** AppArmor ends a name at a line's end, and takes `//&` for a stack of profiles, which it may. */
function checked(what: string, text: string): string {
  if (text.length <= longest && !/[\0-\x1f\x7f"]/.test(text)) return text;
  throw new TsbuildError('RUNTIME_SETUP', `the ${what} ${JSON.stringify(text.slice(0, 100))} is malformed`);
}

function lacking(what: string, module: string): TsbuildError {
  return new TsbuildError('HOST_UNSUPPORTED', `${what} cannot be set: this machine has no ${module}`, {
    hint: 'leave out that --security-opt',
  });
}
