import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, type Stats } from 'node:fs';

import { fromErrno, isErrno } from '../core/index.ts';

export interface DiskUse {
  /** As the disk counts them: whole blocks, folders included, holes not. */
  readonly bytes: number;
  /** Milliseconds since the epoch: the newest of all modification times; 0 of nothing. */
  readonly newest: number;
}

const folderOnly = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Of st_blocks, whatever the file system's own are (stat(2)). */
const blockSize = 512;

/** Measures as du(1) does. Each inode counts once for the whole of a meter, where it is met first: names share it. */
export class DiskMeter {
  readonly #linked = new Set<string>();

  /** Of a file, or of a folder with all below it; what vanishes meanwhile is nothing. */
  measure(path: string): DiskUse {
    try {
      return this.#measure(path);
    } catch (error) {
      throw fromErrno(error, `measuring ${path}`);
    }
  }

  /** Of a folder without what is in it. */
  measureAlone(path: string): DiskUse {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined ? { bytes: 0, newest: 0 } : this.#count(stat);
  }

  #measure(path: string | Buffer): DiskUse {
    const stat = tryStat(path);
    if (stat === undefined) return { bytes: 0, newest: 0 };
    return stat.isDirectory() ? this.#measureFolder(path) : this.#count(stat);
  }

  /**
   * By descriptors: folders of containers may be deeper than a path can be long, and running programs may put a link in
   * the place of one.
   */
  #measureFolder(path: string | Buffer): DiskUse {
    const fd = tryOpen(path);
    if (fd === undefined) return { bytes: 0, newest: 0 };
    try {
      let { bytes, newest } = this.#count(fstatSync(fd));
      const here = `/proc/self/fd/${fd}`;
      const prefix = Buffer.from(`${here}/`);
      for (const name of readdirSync(here, { encoding: 'buffer' })) {
        const below = this.#measure(Buffer.concat([prefix, name]));
        bytes += below.bytes;
        newest = Math.max(newest, below.newest);
      }
      return { bytes, newest };
    } finally {
      closeSync(fd);
    }
  }

  #count(stat: Stats): DiskUse {
    const found = { bytes: stat.blocks * blockSize, newest: stat.mtimeMs };
    if (stat.nlink < 2 || stat.isDirectory()) return found;
    const inode = `${stat.dev}:${stat.ino}`;
    if (this.#linked.has(inode)) return { ...found, bytes: 0 };
    this.#linked.add(inode);
    return found;
  }
}

function tryStat(path: string | Buffer): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function tryOpen(path: string | Buffer): number | undefined {
  try {
    return openSync(path, folderOnly);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}
