import { createDigester, type ByteString, type Digest } from '../core/index.ts';
import type { BlobStore } from '../store/types.ts';
import { createTarWriter, whiteoutName, type TarHeader } from '../tar/index.ts';
import { digestLine, removalLine } from './digest-form.ts';
import { entryPlace, joinPath } from './entry-path.ts';
import type { Entry, PackedLayer } from './types.ts';

const textLength = 1 << 16;

/** Where something begins: bytes of the tar, and characters of the text of which the digest of the changes is made. */
export interface LayerPlace {
  readonly tar: number;
  readonly text: number;
}

/** Told of what goes into a layer. */
export interface LayerLog {
  text(piece: string): void;
  /** An entry that begins at `from`; at `to` its content, or the next entry. */
  put(path: ByteString, entry: Entry, at: { readonly from: LayerPlace; readonly to: LayerPlace }): void;
  end(at: LayerPlace): void;
}

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
  #textBefore = 0;
  #entries = 0;
  readonly #log: LayerLog | undefined;

  constructor(log?: LayerLog) {
    this.#log = log;
  }

  /** Hides a name of the parents. */
  remove(path: ByteString): void {
    this.#entries++;
    this.#hash(removalLine(path));
    this.#tar.entry(whiteout(path));
  }

  /** `mtime` is what the layer says of its time. */
  put(path: ByteString, entry: Entry, mtime = entry.mtime): void {
    this.#entries++;
    const from = this.#place();
    this.#hash(digestLine(path, entry));
    this.#tar.entry({ ...entry, path, mtime });
    this.#log?.put(path, entry, { from, to: this.#place() });
  }

  /** The next bytes of the file that was put last; they are to stay as they are until `take` has been called and used up. */
  piece(bytes: Uint8Array): void {
    this.#tar.data(bytes);
  }

  /** What all pieces of the file together are. */
  contentIs(digest: Digest): void {
    this.#hash(digest);
  }

  /** The text of entries that `copied` takes over from another layer. */
  copiedText(text: string): void {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#entries++;
    this.#hash(text);
  }

  /** The bytes of whole entries, as `piece` has them; in whatever pieces they come. */
  copied(bytes: Uint8Array): void {
    this.#tar.entries(bytes);
  }

  /** Bytes of the tar that are complete by now. */
  take(): Uint8Array[] {
    return this.#ready.splice(0);
  }

  finish(): void {
    this.#log?.end(this.#place());
    this.#tar.finish();
  }

  /** Of all that was written, which ends it. */
  result(): Pick<PackedLayer, 'changesDigest' | 'entries'> {
    this.#changes.update(this.#text);
    return { changesDigest: this.#changes.digest(), entries: this.#entries };
  }

  #place(): LayerPlace {
    return { tar: this.#tar.size, text: this.#textBefore + this.#text.length };
  }

  #hash(text: string): void {
    this.#text += text;
    this.#log?.text(text);
    if (this.#text.length < textLength) return;
    this.#changes.update(this.#text);
    this.#textBefore += this.#text.length;
    this.#text = '';
  }
}

/** Stores what is written to a layer; `bytes` gives the tar as it grows, its end included. */
export async function storeLayer(
  blobs: BlobStore,
  bytes: (layer: LayerWriter) => AsyncIterable<Uint8Array>,
  log?: LayerLog,
): Promise<PackedLayer> {
  const layer = new LayerWriter(log);
  const { digest, size } = await blobs.put(bytes(layer));
  return { diffId: digest, size, ...layer.result() };
}

/** image-spec layer.md "Whiteouts": an empty file with a telling name. All else of it is zero. */
function whiteout(path: ByteString): TarHeader {
  const { parent, name } = entryPlace(path);
  const marked = joinPath(parent, whiteoutName(name));
  return { type: 'file', path: marked, mode: 0, uid: 0, gid: 0, mtime: 0, size: 0, xattrs: [] };
}
