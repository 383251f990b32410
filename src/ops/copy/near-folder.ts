import type { ByteString } from '../../core/index.ts';
import type { RootDir } from '../../sys/index.ts';

/** Where a path is: a folder, and a single name in it. */
export interface Place {
  readonly folder: RootDir;
  readonly name: ByteString;
}

/**
 * The folder that a path lies in, kept open until another one is asked for: what goes through a tree in order opens each
 * folder once, and each call on a file is one system call. Only for trees whose folders nobody replaces meanwhile.
 */
export class NearFolder implements Disposable {
  readonly #root: RootDir;
  #path = '';
  #folder: RootDir | undefined;

  constructor(root: RootDir) {
    this.#root = root;
  }

  /** Of a path that names something below the root. Valid until the next call. */
  at(path: ByteString): Place {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1) as ByteString;
    if (name === '' || name === '.' || name === '..') return { folder: this.#root, name: path };
    if (slash <= 0) return { folder: this.#root, name };
    const parent = path.slice(0, slash) as ByteString;
    if (this.#folder === undefined || this.#path !== parent) {
      this[Symbol.dispose]();
      this.#folder = this.#root.sub(parent);
      this.#path = parent;
    }
    return { folder: this.#folder, name };
  }

  [Symbol.dispose](): void {
    this.#folder?.[Symbol.dispose]();
    this.#folder = undefined;
  }
}
