import { fromText, type ByteString } from '../../core/index.ts';
import { copyFile } from '../../snapshot/index.ts';
import { openRootDir, type FileStat, type RootDir } from '../../sys/index.ts';

const here = fromText('.');

/**
 * Copies what is in a folder of an image, and the folder's own attributes, to the empty folder of a volume: owners,
 * modes, times, xattrs, links and nodes as they are. No link of the image is ever followed: an entry is looked at by
 * its name in a folder that is open (CVE-2022-23648).
 */
export function copyTree(from: RootDir, target: string): void {
  using to = openRootDir(target);
  copyFolder({ from, to, linked: new Map(), root: to, path: '' });
}

interface Folder {
  readonly from: RootDir;
  readonly to: RootDir;
  /** The first path, below `root`, of each inode that has several names. */
  readonly linked: Map<string, string>;
  readonly root: RootDir;
  /** Of `to` below `root`. */
  readonly path: string;
}

function copyFolder(folder: Folder): void {
  const { from, to } = folder;
  for (const name of from.list(here)) copyEntry(folder, name, from.lstat(name));
  const stat = from.lstat(here);
  setAttributes(folder, here, stat);
  // Last: what is made in it changes its time.
  to.setTimes(here, { seconds: stat.mtime, nanos: stat.mtimeNanos });
}

function copyEntry(folder: Folder, name: ByteString, stat: FileStat): void {
  const { from, to, linked, root, path } = folder;
  const own = `${path}/${name}`;
  switch (stat.type) {
    case 'directory': {
      to.mkdir(name, 0o700);
      using source = from.sub(name);
      using target = to.sub(name);
      copyFolder({ ...folder, from: source, to: target, path: own });
      return;
    }
    case 'socket':
      // Nobody listens on it any more.
      return;
    case 'symlink':
      to.symlink(from.readlink(name), name);
      break;
    case 'char':
    case 'block':
    case 'fifo':
      to.mknod(name, { type: stat.type, mode: 0o600, major: stat.major, minor: stat.minor });
      break;
    case 'file': {
      const earlier = stat.links > 1 ? linked.get(stat.inode) : undefined;
      if (earlier !== undefined) {
        root.link(earlier as ByteString, own as ByteString);
        return;
      }
      copyFile(folder, name, stat);
      linked.set(stat.inode, own);
      break;
    }
  }
  setAttributes(folder, name, stat);
  to.setTimes(name, { seconds: stat.mtime, nanos: stat.mtimeNanos });
}

/** Owner first: a change of owner clears set-id bits and capabilities. */
function setAttributes({ from, to }: Folder, name: ByteString, stat: FileStat): void {
  to.chown(name, stat.uid, stat.gid);
  if (stat.type === 'symlink') return;
  for (const xattr of from.listXattrs(name).filter(isCarried)) {
    const value = from.getXattr(name, xattr);
    if (value !== undefined) to.setXattr(name, xattr, value);
  }
  to.chmod(name, stat.mode);
}

/** Those that layers carry; the others are the store's file system's own. */
function isCarried(name: ByteString): boolean {
  return (
    name === 'security.capability' ||
    (name.startsWith('user.') && !name.startsWith('user.overlay')) ||
    name.startsWith('system.posix_acl_')
  );
}
