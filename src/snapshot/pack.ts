import { closeSync } from 'node:fs';

import { createDigester, digestOf, type ByteString, type Digest } from '../core/index.ts';
import type { BlobStore } from '../store/types.ts';
import { readAhead } from '../sys/index.ts';
import { createTarWriter, whiteoutName, type TarHeader } from '../tar/index.ts';
import { Breath } from './breath.ts';
import { digestLine, removalLine } from './digest-form.ts';
import { entryPlace, joinPath } from './entry-path.ts';
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
  const digester = createDigester();
  let entries = 0;
  async function* counted(): AsyncGenerator<Change, void, undefined> {
    for await (const change of changes) {
      entries++;
      yield change;
    }
  }
  const bytes = layerBytes(counted(), { open, hash: (piece) => digester.update(piece), options });
  const { digest, size } = await blobs.put(bytes);
  return { diffId: digest, size, changesDigest: digester.digest(), entries };
}

interface LayerSource {
  readonly open: (path: ByteString) => number;
  readonly hash: (piece: Uint8Array | string) => void;
  readonly options: PackOptions;
}

/** Up to this size a file is read into one buffer again and again: the tar writer copies such a piece at once. */
const smallFile = 16 * 1024;
/** Up to this size a file is read in one piece; what is larger is read ahead while the last piece is hashed. */
const mediumFile = 1 << 20;

async function* layerBytes(
  changes: AsyncIterable<Change>,
  { open, hash, options }: LayerSource,
): AsyncGenerator<Uint8Array, void, undefined> {
  const ready: Uint8Array[] = [];
  const writer = createTarWriter((chunk) => void ready.push(chunk));
  const breath = new Breath(options.signal);
  const small = Buffer.allocUnsafeSlow(smallFile);
  for await (const change of changes) {
    await breath.due();
    if (change.kind === 'remove') {
      hash(removalLine(change.path));
      await writer.entry(whiteout(change.path));
    } else {
      const { path, entry } = change;
      const mtime = Math.min(entry.mtime, options.latest ?? entry.mtime);
      hash(digestLine(path, entry));
      await writer.entry({ ...entry, path, mtime });
      if (entry.size > 0) {
        const known = options.known?.(path, entry);
        if (entry.size > mediumFile) {
          const digester = known === undefined ? createDigester() : undefined;
          for await (const chunk of largeContent(open(path), entry.size, path)) {
            digester?.update(chunk);
            await writer.data(chunk);
            yield* ready.splice(0);
            await breath.due();
          }
          hash(known ?? digester?.digest() ?? '');
        } else {
          const buffer =
            entry.size > smallFile ? Buffer.allocUnsafeSlow(entry.size) : small.subarray(0, entry.size);
          const content = readWhole(open(path), buffer, path);
          hash(known ?? digestOf(content));
          await writer.data(content);
        }
      }
    }
    if (ready.length > 0) yield* ready.splice(0);
  }
  await writer.finish();
  yield* ready.splice(0);
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

/** image-spec layer.md "Whiteouts": an empty file with a telling name. All else of it is zero. */
function whiteout(path: ByteString): TarHeader {
  const { parent, name } = entryPlace(path);
  const marked = joinPath(parent, whiteoutName(name));
  return { type: 'file', path: marked, mode: 0, uid: 0, gid: 0, mtime: 0, size: 0, xattrs: [] };
}
