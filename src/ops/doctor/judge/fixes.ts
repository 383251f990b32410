import type { Facts, Fix } from '../types.ts';

export function advice(text: string): Fix {
  return { kind: 'advice', text };
}

type Place = Pick<Facts, 'user' | 'surroundings'>;

/** A command that takes root, on what tsbuild sees of the machine: in a container that is the image. */
export function asRoot({ user, surroundings }: Place, text: string): Fix {
  if (user.uid === 0) return command(text);
  return surroundings.engine === undefined ? command(`sudo ${text}`) : advice(`in the image: RUN ${text}`);
}

/** A command that changes the kernel, or a service of the machine. */
export function onHost(place: Place, text: string): Fix {
  return place.surroundings.engine === undefined ? asRoot(place, text) : advice(`on the host: ${text}`);
}

export function command(text: string): Fix {
  return { kind: 'command', place: 'shell', text };
}

const families = ['debian', 'fedora', 'suse', 'arch', 'alpine'] as const;
type Family = (typeof families)[number];

const installers: Readonly<Record<Family, string>> = {
  debian: 'apt-get install -y',
  fedora: 'dnf install -y',
  suse: 'zypper install -y',
  arch: 'pacman -S --noconfirm',
  alpine: 'apk add',
};

/** By what is needed: the package of each family that has it. */
const packages = {
  newuidmap: packageNames('uidmap', 'shadow-utils', 'shadow', 'shadow', 'shadow-uidmap'),
  pasta: packageNames('passt', 'passt', 'passt', 'passt', 'passt'),
  git: packageNames('git', 'git', 'git', 'git', 'git'),
  ssh: packageNames('openssh-client', 'openssh-clients', 'openssh-clients', 'openssh', 'openssh-client'),
  xz: packageNames('xz-utils', 'xz', 'xz', 'xz', 'xz'),
  bzip2: packageNames('bzip2', 'bzip2', 'bzip2', 'bzip2', 'bzip2'),
  ps: packageNames('procps', 'procps-ng', 'procps', 'procps-ng', 'procps'),
} as const;

export type Installable = keyof typeof packages;

function packageNames(
  ...names: readonly [string, string, string, string, string]
): Readonly<Record<Family, string>> {
  const [debian, fedora, suse, arch, alpine] = names;
  return { debian, fedora, suse, arch, alpine };
}

/** The command that installs them all; where the family of the system is not known, the names in two of them. */
export function install(facts: Place & Pick<Facts, 'system'>, things: readonly Installable[]): Fix {
  const family = familyOf(facts.system.families);
  const names = (of: Family): string => [...new Set(things.map((thing) => packages[thing][of]))].join(' ');
  if (family !== undefined) return asRoot(facts, `${installers[family]} ${names(family)}`);
  return advice(`install ${things.join(', ')} (Debian: ${names('debian')}; Fedora: ${names('fedora')})`);
}

function familyOf(ids: readonly string[]): Family | undefined {
  const names: Readonly<Record<string, Family>> = {
    ubuntu: 'debian',
    rhel: 'fedora',
    centos: 'fedora',
    opensuse: 'suse',
    sles: 'suse',
  };
  return ids
    .map((id) => names[id] ?? families.find((family) => family === id))
    .find((found) => found !== undefined);
}

/** A setting of the kernel, now and after the next start. */
export function sysctl(facts: Place, key: string, value: number): readonly Fix[] {
  const now = onHost(facts, `sysctl -w ${key}=${value}`);
  if (now.kind === 'advice') return [now];
  const tee = facts.user.uid === 0 ? 'tee' : 'sudo tee';
  return [now, command(`echo ${key}=${value} | ${tee} /etc/sysctl.d/60-${key}.conf`)];
}
