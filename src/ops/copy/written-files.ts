import type { ByteString, Digest } from '../../core/index.ts';
import type { Entry } from '../../snapshot/index.ts';
import type { ItemFacts } from './facts.ts';
import type { CopyItem } from './walk.ts';

interface Written {
  readonly item: CopyItem;
  readonly content: Digest;
}

/**
 * Digests of what a copy has written into a tree that only it works in, by path: the layer's packing need not hash the
 * files again.
 */
export class WrittenFiles {
  readonly #files = new Map<string, Written>();

  /** A file that was written to the absolute path, symlinks resolved; what was there before is forgotten. */
  note(path: ByteString, item: CopyItem, { content }: Pick<ItemFacts, 'content'> = {}): void {
    if (content === undefined || content === 'unread') this.#files.delete(path);
    else this.#files.set(path, { item, content });
  }

  /** Another name of a file. */
  link(existing: ByteString, path: ByteString): void {
    const file = this.#files.get(existing);
    if (file === undefined) this.#files.delete(path);
    else this.#files.set(path, file);
  }

  clear(): void {
    this.#files.clear();
  }

  /** Of what a layer says of a path below the root. */
  contentOf(path: ByteString, { type, size, mtime }: Entry): Digest | undefined {
    const file = this.#files.get(`/${path}`);
    if (file === undefined || type !== 'file') return undefined;
    const { stat } = file.item;
    return stat.size === size && stat.mtime === mtime ? file.content : undefined;
  }
}
