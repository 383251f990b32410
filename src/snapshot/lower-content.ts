import type { ByteString } from '../core/index.ts';
import { entryPlace, joinPath } from './entry-path.ts';
import type { OpenDirectory } from './open-directories.ts';
import type { UnpackTree } from './unpack-tree.ts';

/**
 * Tells what the lower layers have from what the layer itself has put into the merged tree: a whiteout late in an
 * archive must hide the one and keep the other.
 */
export class LowerContent {
  /** Names by the path of their directory, symlinks resolved. */
  readonly #own = new Map<ByteString, Set<ByteString>>();

  noteOwn(directory: ByteString, name: ByteString): void {
    const names = this.#own.get(directory);
    if (names !== undefined) {
      names.add(name);
      return;
    }
    this.#own.set(directory, new Set([name]));
    // What holds something of this layer must stay for it, named in the archive or not.
    if (directory === '') return;
    const above = entryPlace(directory);
    this.noteOwn(above.parent, above.name);
  }

  /** Hides `name` of the directory that `parent` leads to. */
  hide(tree: UnpackTree, parent: ByteString, name: ByteString): void {
    const directory = tree.directories.find(parent);
    if (directory !== undefined) this.#hideIn(tree, directory, name);
  }

  /** Hides all that the directory has from below. */
  hideAll(tree: UnpackTree, path: ByteString): void {
    const directory = tree.directories.find(path);
    if (directory === undefined) return;
    for (const name of directory.handle.list('' as ByteString)) {
      // Looked up for each: removing may have closed it.
      this.#hideIn(tree, tree.directories.at(directory.path), name);
    }
  }

  #hideIn(tree: UnpackTree, directory: OpenDirectory, name: ByteString): void {
    if (this.#own.get(directory.path)?.has(name) !== true) {
      tree.remove(directory, name);
      return;
    }
    // A directory of both: its own entry stays, with what this layer has put below it.
    if (directory.handle.tryLstat(name)?.type === 'directory')
      this.hideAll(tree, joinPath(directory.path, name));
  }
}
