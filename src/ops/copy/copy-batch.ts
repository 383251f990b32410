import { digestOf, isErrno, type ByteString, type Digest } from '../../core/index.ts';
import type { Entry, LayerWriter } from '../../snapshot/index.ts';
import { copySmallFiles, type RootDir, type SmallCopies, type SmallCopy } from '../../sys/index.ts';
import { changed, largeSize } from './read.ts';
import type { CopyItem } from './walk.ts';

/** What a batch adds to a layer, in its order. */
type Planned = { readonly path: ByteString; readonly entry: Entry } & (
  | { readonly kind: 'made' }
  | { readonly kind: 'file'; readonly item: CopyItem; readonly content: Digest | 'unread' }
);

/** Enough that a thread is worth it, few enough that none waits long for another. */
const mostPlanned = 128;
export const batchBytes = largeSize;

/** Files that are copied together by another thread, and what comes between them in the layer. */
export class CopyBatch {
  readonly #planned: Planned[] = [];
  readonly #copies: SmallCopy[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#planned.length === 0;
  }

  /** Whether a file of that size does not fit any more. */
  isFull(size: number): boolean {
    return this.#planned.length >= mostPlanned || this.#bytes + size > batchBytes;
  }

  /** Something that needs no copying any more. */
  add(path: ByteString, entry: Entry): void {
    this.#planned.push({ kind: 'made', path, entry });
  }

  addFile(
    path: ByteString,
    entry: Entry,
    { item, content }: { item: CopyItem; content: Digest | 'unread' },
  ): void {
    const { size, uid, gid, mode } = entry;
    const { mtime: seconds, mtimeNanos: nanos } = item.stat;
    this.#planned.push({ kind: 'file', path, entry, item, content });
    this.#copies.push({
      source: item.source,
      target: path,
      ...{ size, uid, gid, mode, mtime: { seconds, nanos } },
    });
    this.#bytes += size;
  }

  /** Files that are to have extended attributes, which `copy` does not set. */
  get attributed(): readonly { readonly path: ByteString; readonly entry: Entry }[] {
    return this.#planned.filter(({ kind, entry }) => kind === 'file' && entry.xattrs.length > 0);
  }

  /** Copies the files; their contents are in `bytes` then, which has room for a byte more than a batch. */
  async copy(
    roots: { readonly from: RootDir; readonly to: RootDir },
    bytes: Uint8Array,
  ): Promise<CopiedBatch> {
    if (this.#copies.length === 0) return { bytes, digestOf: () => undefined };
    const { failure, digestOf } = await copySmallFiles(roots, this.#copies, bytes);
    if (failure === undefined) return { bytes, digestOf };
    if (failure.of === 'target' || !isErrno(failure.error, ...signsOfChange)) throw failure.error;
    const files = this.#planned.filter((each) => each.kind === 'file');
    const item = files[failure.at]?.item;
    throw item === undefined ? failure.error : changed(item, failure.error);
  }

  /** Puts it all into the layer. Throws CONTEXT_CHANGED for a file that does not hold what its key was made of. */
  pack(layer: LayerWriter, copied: CopiedBatch): void {
    let at = 0;
    let index = 0;
    for (const planned of this.#planned) {
      const { path, entry } = planned;
      layer.put(path, entry);
      if (planned.kind !== 'file') continue;
      const content = copied.bytes.subarray(at, at + entry.size);
      const digest = copied.digestOf(index) ?? digestOf(content);
      if (planned.content !== 'unread' && digest !== planned.content) throw changed(planned.item);
      at += entry.size;
      index += 1;
      if (entry.size === 0) continue;
      layer.piece(content);
      layer.contentIs(digest);
    }
  }
}

/** What has come of the files of a batch. */
export interface CopiedBatch extends Pick<SmallCopies, 'digestOf'> {
  readonly bytes: Uint8Array;
}

/** Of a source that was listed, and is not there now, or is something else. */
const signsOfChange = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EISDIR', 'EAGAIN', 'ESTALE', 'EXDEV'] as const;
