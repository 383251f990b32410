import type { Facts, Failure, Fix } from '../types.ts';
import { advice, onHost } from './fixes.ts';
import { canMakeNamespaces, usesUserNamespace } from './ids.ts';
import { inContainer, isRoot, isSince, ok, skipped, type Judgement } from './judgement.ts';
import type { Need } from './needs.ts';

const engineNames = {
  docker: 'in a docker container',
  podman: 'in a podman container',
  kubernetes: 'in a Kubernetes pod',
  lxc: 'in an LXC container',
  unknown: 'in a container',
} as const;

export function judgeSurroundings({ surroundings, user }: Facts): Judgement {
  const { engine, apparmor, selinux } = surroundings;
  const confined = [apparmor, selinux].flatMap((label) =>
    label === undefined ? [] : [`confined as ${label}`],
  );
  const namespace = user.inUserNamespace ? ['in a user namespace'] : [];
  const place = engine === undefined ? 'no container around tsbuild' : engineNames[engine];
  return ok([place, ...namespace, ...confined].join(', '));
}

/** Where builds would do it; root without a choice tries it outside. */
function isInNamespace(facts: Facts): boolean {
  return !isRoot(facts) || (usesUserNamespace(facts) && canMakeNamespaces(facts));
}

const copies =
  'each step copies the whole file system of the one before: builds take longer and more disk space';

/** File systems on which overlay keeps no upper directories. */
const unfit: ReadonlySet<string> = new Set([
  'overlay',
  'nfs',
  'cifs',
  'smb2',
  '9p',
  'fuse',
  'vfat',
  'exfat',
  'aufs',
  'ecryptfs',
]);

export function judgeOverlay(facts: Facts): Judgement {
  const { kernel } = facts.system;
  const { type } = facts.disk;
  const inNamespace = isInNamespace(facts);
  const tried = inNamespace ? facts.userNamespace.steps.overlay : facts.overlay.mounted;
  if (tried === undefined) {
    return skipped(
      canMakeNamespaces(facts)
        ? 'not tried: there is no folder to try it in'
        : 'not tried: it takes a user namespace',
    );
  }
  if (tried.ok) {
    const where = inNamespace ? `${type}, in a user namespace` : type;
    if (facts.overlay.singly || isSince(kernel, '6.7')) return ok(`mounted on ${where}`);
    return ok(
      `mounted on ${where}, with all layers named at once (Linux before 6.7)`,
      'COPY --from of images with more than about 70 layers',
    );
  }
  return { status: 'warning', lost: copies, ...overlayFailure(facts, tried) };
}

function overlayFailure(facts: Facts, { code, message }: Failure): Omit<Judgement, 'status' | 'lost'> {
  const { type } = facts.disk;
  const refused = code === 'EPERM' || code === 'EACCES';
  if (code === 'ENODEV') {
    const found = 'the kernel does not know overlay file systems';
    return { found, fixes: [onHost(facts, 'modprobe overlay')] };
  }
  if (refused && !isInNamespace(facts))
    return { found: `mounting is not allowed (${code})`, needs: ['mount'], fixes: outside(facts) };
  if (refused && !isSince(facts.system.kernel, '5.11')) {
    return {
      found: `users cannot mount it before Linux 5.11 (${code})`,
      fixes: [advice('boot Linux 5.11 or newer')],
    };
  }
  if (unfit.has(type)) {
    return {
      found: `cannot be mounted on ${type} (${code})`,
      needs: ['volume'],
      fixes: inContainer(facts) ? [] : [otherDisk],
    };
  }
  return {
    found: `cannot be mounted on ${type} (${code}: ${message})`,
    needs: refused ? ['user-namespaces'] : ['volume'],
    fixes: inContainer(facts) ? [] : [otherDisk],
  };
}

const otherDisk = advice('point --root (TSBUILD_ROOT) to a folder on ext4, xfs or btrfs');

function outside(facts: Facts): readonly Fix[] {
  return inContainer(facts) ? [] : [advice('start tsbuild with CAP_SYS_ADMIN, or as an ordinary user')];
}

const noRun = 'RUN steps and tsbuild run fail';

export function judgeContainers(facts: Facts): Judgement {
  if (!isRoot(facts)) return judgeUsersContainers(facts);
  const { container } = facts;
  if (container === undefined) return skipped('not tried: there is no folder to try it in');
  if (isInNamespace(facts)) return judgeConfinedRoot(facts);
  const { namespaces, chroot } = container;
  if (namespaces.ok) return ok('one was set up as for a RUN step');
  const found = namespaces.message;
  const fixes = outside(facts);
  const needs = needsOf(facts, namespaces);
  if (chroot?.ok === true)
    return { status: 'warning', found: `chroot alone: ${found}`, lost: onlyChroot, needs, fixes };
  return { status: 'error', found, lost: noRun, needs, fixes };
}

/** Builds go into a user namespace; what lives longer than a command has to be where others find it. */
function judgeConfinedRoot(facts: Facts): Judgement {
  const { status, found, lost, needs = [] } = judgeUsersContainers(facts);
  const run = 'tsbuild run and what belongs to it, since only builds go into a user namespace';
  return {
    status: status === 'error' ? 'error' : 'warning',
    found: `${found}, in a user namespace`,
    lost: lost === undefined ? run : `${lost}; ${run}`,
    needs: [...needs, 'mount'],
    fixes: outside(facts),
  };
}

const onlyChroot =
  'RUN steps see the processes and the network around them, have no /proc, and are kept to their files by chroot alone; tsbuild run fails';

function needsOf({ user }: Facts, { code, message }: Failure): readonly Need[] {
  const refused = ['EPERM', 'EACCES', 'RUNTIME_SETUP', 'ENOSYS'].includes(code);
  if (!refused) return [];
  const isProc = /\((?:mount|bind)\).*\bproc\b/.test(message);
  return isProc && user.inUserNamespace ? ['proc'] : ['mount'];
}

function judgeUsersContainers(facts: Facts): Judgement {
  const { proc } = facts.userNamespace.steps;
  if (!canMakeNamespaces(facts)) {
    return { status: 'error', found: 'they take a user namespace, which cannot be made', lost: noRun };
  }
  if (proc === undefined || proc.ok) return ok('their namespaces and /proc can be set up');
  return {
    status: 'warning',
    found: `no /proc of their own can be mounted (${proc.code}): parts of the surrounding one are hidden`,
    lost: 'a /proc with the processes of the container alone',
    needs: ['proc'],
    fixes: inContainer(facts) ? [] : [advice('unmount what is mounted below /proc')],
  };
}
