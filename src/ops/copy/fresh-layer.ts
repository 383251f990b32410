import { closeSync, constants } from 'node:fs';

import type { ByteString, Digest } from '../../core/index.ts';
import {
  storeLayer,
  type Breath,
  type LayerLog,
  type LayerWriter,
  type PackedLayer,
} from '../../snapshot/index.ts';
import type { BlobStore } from '../../store/index.ts';
import { createAsideDigester, openRootDir, type RootDir } from '../../sys/index.ts';
import { forgetIfChanged, restoreTimes } from './carry-out.ts';
import { batchBytes, CopyBatch, type CopiedBatch } from './copy-batch.ts';
import { childOf } from './destination.ts';
import { entryOfItem, foldersTo, pathOf } from './entries.ts';
import type { FreshCopy } from './fresh.ts';
import { NearFolder } from './near-folder.ts';
import { changed, largeSize, sourcePieces } from './read.ts';
import { copyXattrs, createFlags, ownFile, transferItem, writeBeside, type Transfer } from './transfer.ts';
import type { CopyItem } from './walk.ts';

const createdFlags = constants.O_WRONLY | constants.O_NOFOLLOW;

/** Batches that other threads work on while the one before them is packed. */
const mostRunning = 2;

export interface StoreFreshOptions {
  readonly folder: string;
  readonly breath: Breath;
  readonly log?: LayerLog | undefined;
}

/**
 * Carries out the copy in the upper directory `folder`, which nothing is mounted on, and stores its layer: each byte is
 * read once. The same tree and the same layer as by `carryOut` and a comparison of what came of it. Throws CONTEXT_CHANGED.
 */
export async function storeFresh(
  blobs: BlobStore,
  fresh: FreshCopy,
  { folder, breath, log }: StoreFreshOptions,
): Promise<PackedLayer> {
  using to = openRootDir(folder);
  let failure: unknown;
  return await forgetIfChanged(fresh.source, async () => {
    try {
      return await storeLayer(
        blobs,
        async function* (layer) {
          try {
            yield* new FreshLayer(fresh, to, { layer, breath }).bytes();
          } catch (error) {
            failure = error;
            throw error;
          }
        },
        log,
      );
    } catch (error) {
      // What failed here was not the storing.
      throw failure ?? error;
    }
  });
}

interface Running {
  readonly batch: CopyBatch;
  readonly copied: Promise<CopiedBatch>;
}

class FreshLayer {
  readonly #fresh: FreshCopy;
  readonly #to: RootDir;
  readonly #layer: LayerWriter;
  readonly #breath: Breath;
  readonly #transfer: Transfer;
  /** First names of inodes with several, relative to the root. */
  readonly #linked = new Map<string, ByteString>();
  readonly #links: (readonly [existing: ByteString, path: ByteString])[] = [];
  readonly #running: Running[] = [];
  readonly #spare: Uint8Array[] = [];
  #batch = new CopyBatch();

  constructor(
    fresh: FreshCopy,
    to: RootDir,
    { layer, breath }: { readonly layer: LayerWriter; readonly breath: Breath },
  ) {
    this.#fresh = fresh;
    this.#to = to;
    this.#layer = layer;
    this.#breath = breath;
    const { source, owner, mode } = fresh;
    const { tree, facts } = source;
    this.#transfer = {
      from: tree.root,
      to,
      owner,
      mode,
      keepFolders: false,
      digests: { facts },
      breath,
      linked: new Map(),
    };
  }

  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    const { destination, matched, file } = this.#fresh;
    // Its folder's time is when it was made, and stands in the layer before it.
    if (file !== undefined) closeSync(this.#to.open(pathOf(file), createFlags, 0o600));
    for (const [path, entry] of foldersTo(this.#to, destination.path)) this.#layer.put(path, entry);
    try {
      using near = new NearFolder(this.#to);
      for (const item of matched.items) {
        await this.#breath.due();
        if (this.#isLarge(item)) {
          yield* this.#ended(0);
          yield* this.#copyLarge(item);
        } else {
          if (this.#batch.isFull(item.stat.size)) yield* this.#ended(mostRunning);
          await this.#plan(item, near);
        }
      }
      yield* this.#ended(0);
    } finally {
      // Their threads use descriptors that are closed now.
      await Promise.allSettled(this.#running.map(({ copied }) => copied));
    }
    for (const [existing, path] of this.#links) this.#to.link(existing, path);
    restoreTimes(this.#to, destination, matched);
    this.#layer.finish();
    yield* this.#layer.take();
  }

  async #plan(item: CopyItem, near: NearFolder): Promise<void> {
    const target = this.#targetOf(item);
    const path = pathOf(target);
    const entry = entryOfItem(this.#transfer, item);
    const existing = this.#earlierName(item);
    if (item.stat.type !== 'file') {
      await transferItem({ ...this.#transfer, near }, item, target);
      this.#batch.add(path, entry);
    } else if (existing !== undefined) {
      this.#links.push([existing, path]);
      this.#batch.add(path, { ...entry, type: 'hardlink', size: 0, link: existing, xattrs: [] });
    } else {
      this.#noteName(item, path);
      this.#batch.addFile(path, entry, { item, content: this.#contentOf(item) });
    }
  }

  /** Starts the batch that was planned, then packs the oldest ones until no more than so many run. */
  async *#ended(most: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (!this.#batch.isEmpty) {
      const batch = this.#batch;
      this.#batch = new CopyBatch();
      const bytes = this.#spare.pop() ?? Buffer.allocUnsafeSlow(batchBytes + 1);
      const copied = batch.copy({ from: this.#transfer.from, to: this.#to }, bytes);
      copied.catch(() => undefined); // it may fail while an older one is waited for
      this.#running.push({ batch, copied });
    }
    while (this.#running.length > most) {
      const oldest = this.#running.shift();
      if (oldest === undefined) return;
      const copied = await oldest.copied;
      oldest.batch.pack(this.#layer, copied);
      for (const { path, entry } of oldest.batch.attributed) {
        for (const [name, value] of entry.xattrs) this.#to.setXattr(path, name, value);
      }
      yield* this.#layer.take();
      this.#spare.push(copied.bytes);
    }
  }

  async *#copyLarge(item: CopyItem): AsyncGenerator<Uint8Array, void, undefined> {
    const path = pathOf(this.#targetOf(item));
    const place = { folder: this.#to, name: path };
    const digester = createAsideDigester();
    let left = item.stat.size;
    let digest: Digest;
    this.#layer.put(path, entryOfItem(this.#transfer, item));
    this.#noteName(item, path);
    const flags = this.#fresh.file === undefined ? createFlags : createdFlags;
    const fd = this.#to.open(path, flags, 0o600);
    try {
      for await (const bytes of sourcePieces(this.#transfer.from, item)) {
        left -= bytes.length;
        if (left < 0) throw changed(item);
        // Copied, hashed, and stored and hashed as a part of the layer: by a thread each.
        const copied = Promise.all([writeBeside(fd, bytes), digester.update(bytes)]);
        copied.catch(() => undefined); // it may fail before the layer's part is done
        try {
          this.#layer.piece(bytes);
          yield* this.#layer.take();
        } finally {
          await copied;
        }
        await this.#breath.due();
      }
      digest = digester.digest();
      if (![digest, 'unread'].includes(this.#contentOf(item))) throw changed(item);
      ownFile(this.#transfer, item, fd);
    } finally {
      closeSync(fd);
    }
    copyXattrs(this.#transfer, item, place);
    const { mtime: seconds, mtimeNanos: nanos } = item.stat;
    this.#to.setTimes(path, { seconds, nanos });
    this.#layer.contentIs(digest);
  }

  #isLarge(item: CopyItem): boolean {
    const { type, size } = item.stat;
    return type === 'file' && size > largeSize && this.#earlierName(item) === undefined;
  }

  /** Of a file with several names in the source (L-171). */
  #earlierName({ stat }: CopyItem): ByteString | undefined {
    return stat.links > 1 ? this.#linked.get(stat.inode) : undefined;
  }

  #noteName({ stat }: CopyItem, path: ByteString): void {
    if (stat.links > 1) this.#linked.set(stat.inode, path);
  }

  #targetOf({ below }: CopyItem): ByteString {
    const { file, destination } = this.#fresh;
    return file ?? childOf(destination.path, below);
  }

  #contentOf(item: CopyItem): Digest | 'unread' {
    const content = this.#transfer.digests.facts.get(item)?.content;
    if (content === undefined) throw changed(item);
    return content;
  }
}
