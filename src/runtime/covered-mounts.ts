/**
 * Kernel file systems that cannot be mounted anew, since the ones there are covered in part: the container around has
 * masked some of their files, and a fresh mount would show them (the kernel's mount_too_revealing).
 */
export interface CoveredMounts {
  readonly proc: boolean;
  readonly sysfs: boolean;
}

/** Folders that are empty for good: what is mounted there hides nothing. */
const emptyPlaces: Readonly<Record<'proc' | 'sysfs', RegExp>> = {
  proc: /^\/proc\/(sys\/fs\/binfmt_misc|fs\/nfsd)$/,
  sysfs: /^\/sys\/(fs|kernel)\//,
};

/** Of the text of /proc/self/mountinfo, for a process in a user namespace; to others nothing is refused. */
export function coveredMounts(mountinfo: string): CoveredMounts {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [mount = '', fs = ''] = line.split(' - ', 2);
    const [id, parent, , root, point] = mount.split(' ');
    const [type] = fs.split(' ');
    return id === undefined || parent === undefined || point === undefined
      ? []
      : [{ id, parent, root, point, type }];
  });
  const isCovered = (type: 'proc' | 'sysfs'): boolean => {
    const whole = mounts.filter((mount) => mount.type === type && mount.root === '/');
    const hides = (id: string): boolean =>
      mounts.some(({ parent, point }) => parent === id && !emptyPlaces[type].test(point));
    return whole.every(({ id }) => hides(id));
  };
  return { proc: isCovered('proc'), sysfs: isCovered('sysfs') };
}

export const coveredProcWarning =
  'process fallback "shared /proc": none of their own can be mounted here, so containers see in /proc the processes ' +
  'around them; --security-opt systempaths=unconfined (docker) or unmask=ALL (podman) for the surrounding container avoids it';
