import { TsbuildError, type ByteString } from '../../../core/index.ts';
import {
  chunksOf,
  openFile,
  storeLayer,
  type Breath,
  type Entry,
  type LayerWriter,
  type PackedLayer,
} from '../../../snapshot/index.ts';
import type { BlobStore } from '../../../store/index.ts';
import { createAsideDigester, readAhead, type RootDir } from '../../../sys/index.ts';
import type { Copied } from './copied.ts';
import type { Part } from './plan.ts';

export interface ChangedLayer {
  readonly copied: Copied;
  /** Of the earlier layer, from its beginning. */
  readonly fd: number;
  /** The folders above what is copied. */
  readonly folders: readonly (readonly [path: ByteString, entry: Entry])[];
  readonly parts: readonly Part[];
  /** Where the new files are. */
  readonly root: RootDir;
  readonly breath: Breath;
}

/** Characters made of bytes at once. */
const textLength = 1 << 16;

/** The earlier layer is not what its name says. */
export class DamagedLayer extends Error {}

/** Stores the layer that a whole copy would have: pieces of the earlier one, which is checked, and new entries. */
export async function storeChanged(blobs: BlobStore, layer: ChangedLayer): Promise<PackedLayer> {
  let failure: unknown;
  try {
    return await storeLayer(blobs, async function* (writer) {
      try {
        yield* bytesOf(writer, layer);
      } catch (error) {
        failure = error;
        throw error;
      }
    });
  } catch (error) {
    // What failed here was not the storing.
    throw failure ?? error;
  }
}

async function* bytesOf(
  writer: LayerWriter,
  { copied, fd, folders, parts, root, breath }: ChangedLayer,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const [path, entry] of folders) writer.put(path, entry);
  const earlier = new EarlierLayer(fd, copied.layer.size);
  try {
    for (const part of parts) {
      if (part.kind === 'copied') {
        for (const text of piecesOf(copied.text.subarray(part.from.text, part.to.text)))
          writer.copiedText(text);
        for await (const bytes of earlier.span(part.from.tar, part.to.tar)) {
          writer.copied(bytes);
          yield* writer.take();
          await breath.due();
        }
      } else {
        yield* newEntry(writer, part, { root, breath });
      }
    }
    if ((await earlier.digest()) !== copied.layer.diffId) throw new DamagedLayer();
  } finally {
    await earlier[Symbol.asyncDispose]();
  }
  writer.finish();
  yield* writer.take();
}

function* piecesOf(text: Buffer): Generator<string, void, undefined> {
  for (let at = 0; at < text.length; at += textLength) yield text.toString('latin1', at, at + textLength);
}

async function* newEntry(
  writer: LayerWriter,
  { path, entry, content }: Part & { readonly kind: 'put' },
  { root, breath }: Pick<ChangedLayer, 'root' | 'breath'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  writer.put(path, entry);
  if (entry.size === 0) return;
  if (content === undefined) throw new TsbuildError('INTERNAL', 'a file without a digest');
  for (const bytes of chunksOf(openFile(root, path), entry.size, path)) {
    writer.piece(bytes);
    yield* writer.take();
    await breath.due();
  }
  writer.contentIs(content);
}

/** A layer read once from start to end, of which spans are asked for in order; all of it is hashed. */
class EarlierLayer implements AsyncDisposable {
  readonly #pieces: AsyncGenerator<Buffer, void, undefined>;
  readonly #digester = createAsideDigester();
  #hashing: Promise<unknown> | undefined;
  #piece: Buffer = Buffer.alloc(0);
  /** Of the piece in the layer. */
  #at = 0;

  constructor(fd: number, size: number) {
    this.#pieces = readAhead(fd, size);
  }

  /** Each piece is valid until the next is asked for. */
  async *span(from: number, to: number): AsyncGenerator<Buffer, void, undefined> {
    for (let at = from; at < to;) {
      if (at >= this.#at + this.#piece.length) {
        if (!(await this.#next())) throw new DamagedLayer();
        continue;
      }
      const bytes = this.#piece.subarray(at - this.#at, to - this.#at);
      at += bytes.length;
      yield bytes;
    }
  }

  /** Of all of it. */
  async digest(): Promise<string> {
    while (await this.#next());
    return this.#digester.digest();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hashing;
    await this.#pieces.return();
  }

  async #next(): Promise<boolean> {
    await this.#hashing;
    const next = await this.#pieces.next();
    if (next.done === true) return false;
    this.#at += this.#piece.length;
    this.#piece = next.value;
    this.#hashing = this.#digester.update(next.value);
    return true;
  }
}
