import { canonicalJson, digestParts, fromText } from '../../core/index.ts';
import type { Digest, Json } from '../../core/index.ts';
import { mediaTypes } from '../../oci/index.ts';
import type { Descriptor } from '../../oci/index.ts';
import { layoutIndex } from '../../store/index.ts';
import { createTarWriter } from '../../tar/index.ts';
import type { TarSink } from '../../tar/index.ts';

/** Where a blob stands in an archive. */
export function blobPath(digest: Digest): string {
  const { algorithm, hex } = digestParts(digest);
  return `blobs/${algorithm}/${hex}`;
}

/** Writes the members of an image archive; times and owners are zero, so that only the images decide its bytes. */
export interface ArchiveWriter {
  /** A blob; one that was written before is left out. */
  blob(
    blob: { readonly digest: Digest; readonly size: number },
    bytes: AsyncIterable<Uint8Array> | Uint8Array,
  ): Promise<void>;
  has(blob: { readonly digest: Digest; readonly size: number }): boolean;
  document(name: string, bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
}

export function createArchiveWriter(sink: TarSink): ArchiveWriter {
  const tar = createTarWriter(sink);
  const written = new Set<Digest>();
  const folders = new Set<string>();
  const plain = { uid: 0, gid: 0, mtime: 0, xattrs: [] };

  async function folder(path: string): Promise<void> {
    if (folders.has(path)) return;
    folders.add(path);
    await tar.entry({ ...plain, type: 'directory', path: fromText(path), mode: 0o755, size: 0 });
  }

  async function file(
    path: string,
    size: number,
    bytes: AsyncIterable<Uint8Array> | Uint8Array,
  ): Promise<void> {
    await tar.entry({ ...plain, type: 'file', path: fromText(path), mode: 0o644, size });
    if (bytes instanceof Uint8Array) return tar.data(bytes);
    for await (const chunk of bytes) await tar.data(chunk);
  }

  return {
    has: ({ digest }) => written.has(digest),
    async blob({ digest, size }, bytes) {
      if (written.has(digest)) return;
      written.add(digest);
      await folder('blobs');
      await folder(`blobs/${digestParts(digest).algorithm}`);
      await file(blobPath(digest), size, bytes);
    },
    document: async (name, bytes) => file(name, bytes.byteLength, bytes),
    finish: async () => tar.finish(),
  };
}

/** oci-layout and index.json (image-layout.md); an image with several names stands in the index once for each. */
export async function writeLayoutDocuments(
  writer: ArchiveWriter,
  images: readonly { readonly names: readonly string[]; readonly manifest: Descriptor }[],
): Promise<void> {
  const entries = images.flatMap(({ names, manifest }): readonly Json[] => {
    if (names.length === 0) return [manifest as unknown as Json];
    const index = JSON.parse(layoutIndex(names.map((name) => ({ name, target: manifest })))) as {
      manifests: Json[];
    };
    return index.manifests;
  });
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: entries };
  await writer.document('index.json', encode(index));
  await writer.document('oci-layout', encode({ imageLayoutVersion: '1.0.0' }));
}

export function encode(value: Json): Uint8Array {
  return Buffer.from(canonicalJson(value), 'utf8');
}
