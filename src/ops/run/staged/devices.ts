import { isErrno, TsbuildError, type ByteString } from '../../../core/index.ts';
import type { DeviceConfig } from '../../../oci/runtime-spec.ts';
import type { RootDir } from '../../../sys/index.ts';

/** The links of every `/dev` (runtime-spec config-linux.md); without a /proc some lead nowhere. */
const links: readonly (readonly [name: string, target: string])[] = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
];

const kinds = { c: 'char', u: 'char', b: 'block', p: 'fifo' } as const;

/** Makes a `/dev` of nodes at a path. Throws HOST_UNSUPPORTED where no nodes may be made. */
export function fillDevices(root: RootDir, path: ByteString, devices: readonly DeviceConfig[]): void {
  root.mkdir(path, 0o755);
  for (const device of devices) {
    const place = `${path}/${device.path.replace(/^\/dev\//, '')}` as ByteString;
    const { type, major, minor, fileMode: mode = 0o666, uid = 0, gid = 0 } = device;
    try {
      root.mknod(place, { type: kinds[type], mode, major, minor });
    } catch (error) {
      if (!isErrno(error, 'EPERM', 'EACCES')) throw error;
      throw new TsbuildError(
        'HOST_UNSUPPORTED',
        'RUN steps need /dev/null and its like, and none can be made here',
        {
          hint: 'start the surrounding container with --cap-add MKNOD, or with --security-opt seccomp=unconfined',
          cause: error,
        },
      );
    }
    root.chown(place, uid, gid);
  }
  for (const [name, target] of links) root.symlink(target as ByteString, `${path}/${name}` as ByteString);
}
