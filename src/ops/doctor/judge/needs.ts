import type { Facts, Fix } from '../types.ts';

/** What a container that tsbuild is in may withhold. */
export type Need =
  | 'mount'
  | 'user-namespaces'
  | 'proc'
  | 'network'
  | 'forwarding'
  | 'cgroups'
  | 'volume'
  | 'tun'
  | 'set-user-id';

/** The members of a Kubernetes securityContext, or lines beside it. */
interface PodLines {
  readonly capabilities?: readonly string[];
  readonly context?: Readonly<Record<string, unknown>>;
  readonly beside?: readonly string[];
}

interface Flags {
  readonly docker: readonly string[];
  readonly podman: readonly string[];
  readonly kubernetes: PodLines;
}

function flagsOf(need: Need, facts: Facts): Flags {
  const { root } = facts.store;
  switch (need) {
    case 'mount':
      return withCapability('SYS_ADMIN', unconfined(facts, []));
    case 'network':
      return withCapability('NET_ADMIN');
    case 'user-namespaces':
      return unconfined(facts, ['seccomp']);
    case 'proc':
      return {
        docker: ['--security-opt systempaths=unconfined'],
        podman: ['--security-opt unmask=ALL'],
        kubernetes: { context: { procMount: 'Unmasked' }, beside: ['hostUsers: false'] },
      };
    case 'forwarding':
      return {
        ...same('--sysctl net.ipv4.ip_forward=1'),
        kubernetes: {
          beside: ['securityContext of the pod: {sysctls: [{name: net.ipv4.ip_forward, value: "1"}]}'],
        },
      };
    case 'cgroups':
      return {
        // Docker 28 and later; before that only --privileged does.
        docker: ['--cgroupns private', '--security-opt writable-cgroups=true'],
        podman: ['--cgroupns private', '--security-opt unmask=/sys/fs/cgroup'],
        kubernetes: { context: { privileged: true } },
      };
    case 'volume':
      return {
        ...same(`-v tsbuild:${root}`),
        kubernetes: {
          beside: [
            `volumeMounts: [{name: tsbuild, mountPath: ${root}}]`,
            'volumes: [{name: tsbuild, emptyDir: {}}]',
          ],
        },
      };
    case 'tun':
      return { ...same('--device /dev/net/tun'), kubernetes: { context: { privileged: true } } };
    case 'set-user-id':
      return {
        ...same('--security-opt no-new-privileges=false'),
        kubernetes: { context: { allowPrivilegeEscalation: true } },
      };
  }
}

function same(flag: string): Pick<Flags, 'docker' | 'podman'> {
  return { docker: [flag], podman: [flag] };
}

function withCapability(name: string, more?: Flags): Flags {
  const flag = `--cap-add ${name}`;
  return {
    docker: [flag, ...(more?.docker ?? [])],
    podman: [flag, ...(more?.podman ?? [])],
    kubernetes: { ...more?.kubernetes, capabilities: [name] },
  };
}

/** Without the confinements that this process has; `always` those that are in question whether they show or not. */
function unconfined({ surroundings, seccomp }: Facts, always: readonly 'seccomp'[]): Flags {
  const filter = always.includes('seccomp') && seccomp.filtered;
  const apparmor = surroundings.apparmor !== undefined;
  const selinux = surroundings.selinux !== undefined;
  const flags = [
    ...(filter ? ['--security-opt seccomp=unconfined'] : []),
    ...(apparmor ? ['--security-opt apparmor=unconfined'] : []),
    ...(selinux ? ['--security-opt label=disable'] : []),
  ];
  return {
    docker: flags,
    podman: flags,
    kubernetes: {
      context: {
        ...(filter && { seccompProfile: { type: 'Unconfined' } }),
        ...(apparmor && { appArmorProfile: { type: 'Unconfined' } }),
        ...(selinux && { seLinuxOptions: { type: 'spc_t' } }),
      },
    },
  };
}

/** What to add to the command or pod that started the container; for all three where the engine is not known. */
export function containerFixes(needs: readonly Need[], facts: Facts): readonly Fix[] {
  const { engine } = facts.surroundings;
  if (engine === undefined || needs.length === 0) return [];
  const all = needs.map((need) => flagsOf(need, facts));
  const fixes: readonly (Fix & { readonly kind: 'command' })[] = [
    line(
      'docker',
      all.flatMap(({ docker }) => docker),
    ),
    line(
      'podman',
      all.flatMap(({ podman }) => podman),
    ),
    { kind: 'command', place: 'kubernetes', text: podText(all.map(({ kubernetes }) => kubernetes)) },
  ];
  const named = fixes.filter(({ place }) => place === engine);
  return (named.length > 0 ? named : fixes).filter(({ text }) => text !== '');
}

function line(place: 'docker' | 'podman', flags: readonly string[]): Fix & { readonly kind: 'command' } {
  return { kind: 'command', place, text: [...new Set(flags)].join(' ') };
}

function podText(parts: readonly PodLines[]): string {
  const add = [...new Set(parts.flatMap(({ capabilities = [] }) => capabilities))];
  const others = Object.assign({}, ...parts.map(({ context }) => context)) as NonNullable<
    PodLines['context']
  >;
  const wanted = add.length === 0 ? others : { capabilities: { add }, ...others };
  // Everything else comes with it.
  const context = others['privileged'] === true ? { privileged: true } : wanted;
  const beside = [...new Set(parts.flatMap((part) => part.beside ?? []))];
  const own = Object.keys(context).length === 0 ? [] : [`securityContext: ${flowYaml(context)}`];
  return [...own, ...beside].join('; ');
}

/** Plain words, lists and objects on one line. */
function flowYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowYaml).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, member]) => `${key}: ${flowYaml(member)}`)
    .join(', ')}}`;
}
