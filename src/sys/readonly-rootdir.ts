import { constants } from 'node:fs';

import type { ByteString } from '../core/index.ts';
import { errno, errnoError } from './errno.ts';
import type { RootDir } from './rootdir.ts';

const writes = constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC;

/**
 * The tree as a read-only mount of it would be: every change of it is EROFS. For trees that nothing can be mounted of;
 * it guards against mistakes of our own, not against who takes the descriptor. Takes over the root.
 */
export function readonlyRootDir(root: RootDir): RootDir {
  const refuse =
    (doing: string) =>
    (path: ByteString): never => {
      throw errnoError(errno.EROFS, doing, path);
    };
  return {
    fd: root.fd,
    lstat: (path) => root.lstat(path),
    tryLstat: (path) => root.tryLstat(path),
    stat: (path) => root.stat(path),
    resolve: (path) => root.resolve(path),
    list: (path) => root.list(path),
    entries: (path) => root.entries(path),
    readlink: (path) => root.readlink(path),
    read: (path, limit) => root.read(path, limit),
    open(path, flags) {
      return (flags & writes) === 0 ? root.open(path, flags) : refuse('open')(path);
    },
    sub: (path) => readonlyRootDir(root.sub(path)),
    mkdir: refuse('mkdir'),
    mkdirAll: refuse('mkdir'),
    symlink: (_target, path) => refuse('symlink')(path),
    link: (_existing, path) => refuse('link')(path),
    mknod: refuse('mknod'),
    write: refuse('write'),
    rename: refuse('rename'),
    unlink: refuse('unlink'),
    rmdir: refuse('rmdir'),
    removeAll: refuse('remove'),
    chmod: refuse('chmod'),
    chown: refuse('chown'),
    setTimes: refuse('utimens'),
    listXattrs: (path) => root.listXattrs(path),
    getXattr: (path, name) => root.getXattr(path, name),
    setXattr: refuse('setxattr'),
    removeXattr: refuse('removexattr'),
    [Symbol.dispose]: () => root[Symbol.dispose](),
  };
}
