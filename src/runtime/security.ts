import { nearestName, TsbuildError } from '../core/index.ts';
import { defaultProfile, isProfileLoaded, securityModules, type SecurityModule } from './security-modules.ts';
import { selinuxLabels, type SelinuxLabels } from './selinux.ts';

/** What `--security-opt` says; without any, the defaults. */
export interface SecurityOptions {
  readonly seccomp: 'default' | 'unconfined' | { readonly file: string };
  /** No program gains privileges by set-id bits or file capabilities. */
  readonly noNewPrivileges: boolean;
  /** Nothing of /proc and /sys is masked or read-only. */
  readonly systemPathsUnconfined: boolean;
  /** Paths that are masked beside the default ones. */
  readonly mask?: readonly string[] | undefined;
  /** Of the paths that are masked or read-only those that are not; patterns, or `ALL`. */
  readonly unmask?: readonly string[] | undefined;
  /** Undefined: the host's default for containers; `unconfined`: none. */
  readonly apparmor?: string | undefined;
  /** `disable`, or what is asked of the label, as `type:container_t`. */
  readonly label?: readonly string[] | undefined;
}

const names = ['apparmor', 'label', 'mask', 'no-new-privileges', 'seccomp', 'systempaths', 'unmask'];

/** `--security-opt` values; of a name given twice the last one counts, but labels add up. Throws USAGE. */
export function parseSecurityOptions(values: readonly string[]): SecurityOptions {
  return values.reduce<SecurityOptions>(withOption, {
    seccomp: 'default',
    noNewPrivileges: false,
    systemPathsUnconfined: false,
  });
}

function withOption(options: SecurityOptions, text: string): SecurityOptions {
  // docker takes the colon of its first versions still.
  const [, name = '', value] = /^([^=:]*)(?:[=:](.*))?$/s.exec(text) ?? [];
  switch (name) {
    case 'seccomp':
      return { ...options, seccomp: seccompOf(text, value) };
    case 'no-new-privileges':
      return { ...options, noNewPrivileges: flagOf(text, value) };
    case 'systempaths':
      if (value === 'unconfined') return { ...options, systemPathsUnconfined: true };
      throw invalid(text, 'expected systempaths=unconfined');
    case 'mask':
    case 'unmask':
      return { ...options, [name]: [...(options[name] ?? []), ...pathsOf(text, name, value)] };
    case 'apparmor':
      if (value === undefined || value === '') throw invalid(text, 'expected apparmor=PROFILE');
      return { ...options, apparmor: value };
    case 'label':
      if (value === undefined || !/^(disable|(user|role|type|level|filetype):.+)$/.test(value))
        throw invalid(text, 'expected label=disable, or label= with user:, role:, type: or level:');
      return { ...options, label: [...(options.label ?? []), value] };
    default: {
      const near = nearestName(name, names);
      throw invalid(text, near === undefined ? `known are ${names.join(', ')}` : `did you mean ${near}?`);
    }
  }
}

/** Separated by colons, as podman has them. */
function pathsOf(text: string, name: 'mask' | 'unmask', value = ''): readonly string[] {
  if (name === 'unmask' && value.toUpperCase() === 'ALL') return ['ALL'];
  const paths = value.split(':');
  if (paths.every((path) => path.startsWith('/'))) return paths;
  throw invalid(text, `expected ${name}=/PATH[:/PATH…]${name === 'unmask' ? ' or unmask=ALL' : ''}`);
}

function seccompOf(text: string, value: string | undefined): SecurityOptions['seccomp'] {
  if (value === undefined || value === '') throw invalid(text, 'expected seccomp=FILE or seccomp=unconfined');
  if (value === 'unconfined') return 'unconfined';
  return value === 'builtin' || value === 'default' ? 'default' : { file: value };
}

function flagOf(text: string, value: string | undefined): boolean {
  if (value === undefined || value === 'true') return true;
  if (value === 'false') return false;
  throw invalid(text, 'expected no-new-privileges, with =true or =false');
}

/**
 * Refuses labels and profiles that this machine cannot give. Throws HOST_UNSUPPORTED: a container must not run less
 * confined than its user believes.
 */
export function requireSecurity(
  { apparmor, label = [] }: SecurityOptions,
  modules: readonly SecurityModule[] = securityModules(),
): void {
  if (apparmor !== undefined && apparmor !== 'unconfined' && !modules.includes('apparmor')) {
    throw new TsbuildError('HOST_UNSUPPORTED', `apparmor=${apparmor}: this machine has no AppArmor`, {
      hint: 'leave out that --security-opt',
    });
  }
  const asked = label.find((each) => each !== 'disable');
  if (asked !== undefined && !modules.includes('selinux')) {
    throw new TsbuildError('HOST_UNSUPPORTED', `label=${asked}: this machine has no SELinux`, {
      hint: 'leave out that --security-opt, or use label=disable',
    });
  }
}

/**
 * The AppArmor profile of a container: the one asked for, else `tsbuild-default` where an administrator has loaded one.
 * Nothing loads a profile: that changes the machine for others, too. Undefined: whatever holds for this process.
 */
export function apparmorProfile(
  { apparmor }: Pick<SecurityOptions, 'apparmor'>,
  { privileged }: { readonly privileged: boolean },
): string | undefined {
  if (apparmor !== undefined) return apparmor;
  if (!securityModules().includes('apparmor')) return undefined;
  if (privileged) return 'unconfined';
  return isProfileLoaded(defaultProfile) ? defaultProfile : undefined;
}

/**
 * The SELinux labels that were asked for; undefined without, and for `disable`. Labels change what the files of a
 * container may be used for by others, so none are given unasked.
 */
export function askedLabels({ label = [] }: SecurityOptions, id: string): SelinuxLabels | undefined {
  if (label.length === 0 || label.includes('disable')) return undefined;
  return selinuxLabels(label, { id });
}

function invalid(text: string, hint: string): TsbuildError {
  return new TsbuildError('USAGE', `--security-opt: invalid value ${JSON.stringify(text)}`, { hint });
}
