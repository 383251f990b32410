import { closeSync } from 'node:fs';

import { digestOf, type ByteString, type Digest } from '../core/index.ts';
import type { BlobStore } from '../store/types.ts';
import { createAsideDigester, readAhead } from '../sys/index.ts';
import { Breath } from './breath.ts';
import { storeLayer, type LayerWriter } from './layer-writer.ts';
import { endsEarly, openFile, readFully } from './read-content.ts';
import type { Change, Entry, PackedLayer, Snapshot, Snapshotter } from './types.ts';

export interface PackOptions {
  /** Seconds since the epoch that no time in the layer is later than (--rewrite-timestamp). */
  readonly latest?: number | undefined;
  /** Digest of a file's bytes, where whoever wrote the file knows it; it is not hashed once more. */
  readonly known?: ((path: ByteString, entry: Entry) => Digest | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The layer of a committed snapshot, stored. */
export async function packSnapshot(
  snapshotter: Snapshotter,
  snapshot: Snapshot,
  blobs: BlobStore,
  options: PackOptions = {},
): Promise<PackedLayer> {
  await using contents = await snapshotter.contents(snapshot);
  return await packLayer(
    snapshotter.changes(snapshot, options),
    (path) => openFile(contents.root, path),
    blobs,
    options,
  );
}

/**
 * Writes changes as a layer's tar into the blob store (O-35, O-36): the same changes and contents give the same bytes.
 * Each file is read once, in bounded memory; its bytes go into the layer's digest, their digest into that of the changes.
 * `open` gives a descriptor of a changed file, which is closed here. Throws INTERRUPTED when the signal is aborted.
 */
export async function packLayer(
  changes: AsyncIterable<Change> | Iterable<Change>,
  open: (path: ByteString) => number,
  blobs: BlobStore,
  options: PackOptions = {},
): Promise<PackedLayer> {
  return storeLayer(blobs, (layer) => layerBytes(layer, changes, { open, options }));
}

interface LayerSource {
  readonly open: (path: ByteString) => number;
  readonly options: PackOptions;
}

/** Many a layer has no larger file: it makes do with a buffer of this size. */
const smallFile = 16 * 1024;
/** Up to this size a file is read in one piece, into one buffer again and again; what is larger is read ahead while the last piece is hashed. */
const mediumFile = 1 << 20;

async function* layerBytes(
  layer: LayerWriter,
  changes: AsyncIterable<Change> | Iterable<Change>,
  { open, options }: LayerSource,
): AsyncGenerator<Uint8Array, void, undefined> {
  const breath = new Breath(options.signal);
  // Memory of Buffers makes V8 look for garbage: one for each file would cost a collection every few of them.
  let buffer = Buffer.allocUnsafeSlow(smallFile);
  for await (const change of changes) {
    await breath.due();
    if (change.kind === 'remove') {
      layer.remove(change.path);
    } else {
      const { path, entry } = change;
      layer.put(path, entry, Math.min(entry.mtime, options.latest ?? entry.mtime));
      if (entry.size > 0) {
        const known = options.known?.(path, entry);
        if (entry.size > mediumFile) {
          const digester = known === undefined ? createAsideDigester() : undefined;
          for await (const chunk of largeContent(open(path), entry.size, path)) {
            // The layer's own digest is reckoned meanwhile.
            const hashed = digester?.update(chunk);
            try {
              layer.piece(chunk);
              yield* layer.take();
            } finally {
              await hashed;
            }
            await breath.due();
          }
          const digest = known ?? digester?.digest();
          if (digest !== undefined) layer.contentIs(digest);
        } else {
          if (entry.size > buffer.length) buffer = Buffer.allocUnsafeSlow(mediumFile);
          const content = readWhole(open(path), buffer.subarray(0, entry.size), path);
          layer.piece(content);
          layer.contentIs(known ?? digestOf(content));
        }
      }
    }
    yield* layer.take();
  }
  layer.finish();
  yield* layer.take();
}

function readWhole(fd: number, buffer: Buffer, path: ByteString): Buffer {
  try {
    readFully(fd, buffer, path);
    return buffer;
  } finally {
    closeSync(fd);
  }
}

/** Closes the descriptor. */
async function* largeContent(
  fd: number,
  size: number,
  path: ByteString,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    let left = size;
    for await (const chunk of readAhead(fd, size)) {
      left -= chunk.length;
      yield chunk;
    }
    if (left > 0) throw endsEarly(path);
  } finally {
    closeSync(fd);
  }
}
