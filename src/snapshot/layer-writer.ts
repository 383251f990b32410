import { createDigester, type ByteString, type Digest } from '../core/index.ts';
import type { BlobStore } from '../store/types.ts';
import { createTarWriter, whiteoutName, type TarHeader } from '../tar/index.ts';
import { digestLine, removalLine } from './digest-form.ts';
import { entryPlace, joinPath } from './entry-path.ts';
import type { Entry, PackedLayer } from './types.ts';

const textLength = 1 << 16;

/**
 * One layer: its tar, and beside it the digest of its changes, of which each file's bytes are only the digest. Changes are
 * given in the order of `Snapshotter.changes`; after `put` of a file that is not empty comes its content.
 */
export class LayerWriter {
  readonly #ready: Uint8Array[] = [];
  readonly #tar = createTarWriter((chunk) => void this.#ready.push(chunk));
  readonly #changes = createDigester();
  /** Not yet in the digest: short texts cost a call each. */
  #text = '';
  #entries = 0;

  /** Hides a name of the parents. */
  remove(path: ByteString): void {
    this.#entries++;
    this.#hash(removalLine(path));
    this.#tar.entry(whiteout(path));
  }

  /** `mtime` is what the layer says of its time. */
  put(path: ByteString, entry: Entry, mtime = entry.mtime): void {
    this.#entries++;
    this.#hash(digestLine(path, entry));
    this.#tar.entry({ ...entry, path, mtime });
  }

  /** The next bytes of the file that was put last; they are to stay as they are until `take` has been called and used up. */
  piece(bytes: Uint8Array): void {
    this.#tar.data(bytes);
  }

  /** What all pieces of the file together are. */
  contentIs(digest: Digest): void {
    this.#hash(digest);
  }

  /** Bytes of the tar that are complete by now. */
  take(): Uint8Array[] {
    return this.#ready.splice(0);
  }

  finish(): void {
    this.#tar.finish();
  }

  /** Of all that was written, which ends it. */
  result(): Pick<PackedLayer, 'changesDigest' | 'entries'> {
    this.#changes.update(this.#text);
    return { changesDigest: this.#changes.digest(), entries: this.#entries };
  }

  #hash(text: string): void {
    this.#text += text;
    if (this.#text.length < textLength) return;
    this.#changes.update(this.#text);
    this.#text = '';
  }
}

/** Stores what is written to a layer; `bytes` gives the tar as it grows, its end included. */
export async function storeLayer(
  blobs: BlobStore,
  bytes: (layer: LayerWriter) => AsyncIterable<Uint8Array>,
): Promise<PackedLayer> {
  const layer = new LayerWriter();
  const { digest, size } = await blobs.put(bytes(layer));
  return { diffId: digest, size, ...layer.result() };
}

/** image-spec layer.md "Whiteouts": an empty file with a telling name. All else of it is zero. */
function whiteout(path: ByteString): TarHeader {
  const { parent, name } = entryPlace(path);
  const marked = joinPath(parent, whiteoutName(name));
  return { type: 'file', path: marked, mode: 0, uid: 0, gid: 0, mtime: 0, size: 0, xattrs: [] };
}
