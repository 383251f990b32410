import { join } from 'node:path';
import { readFileSync } from 'node:fs';

import { toText } from '../../src/core/index.ts';
import { readTar } from '../../src/tar/index.ts';
import { streamOf } from './make-tar.ts';

/** A manifest, an index or a config, as far as tests look at it. */
export interface Document {
  readonly mediaType?: string;
  readonly config?: Blob;
  readonly layers?: readonly Blob[];
  readonly manifests?: readonly Blob[];
  readonly annotations?: Record<string, string>;
  readonly created?: string;
  readonly history?: readonly {
    created?: string;
    created_by?: string;
    comment?: string;
    empty_layer?: boolean;
  }[];
  readonly rootfs?: { readonly diff_ids: readonly string[] };
}

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Record<string, string>;
}

/** The members of a tar by name; folders left out. */
export async function membersOf(tar: Uint8Array | string): Promise<ReadonlyMap<string, Buffer>> {
  const bytes = typeof tar === 'string' ? readFileSync(tar) : tar;
  const members = new Map<string, Buffer>();
  for await (const entry of readTar(streamOf(bytes))) {
    const { header } = entry;
    if (header.type === 'directory') continue;
    const parts: Uint8Array[] = [];
    for await (const chunk of entry.chunks()) parts.push(Buffer.from(chunk));
    members.set(toText(header.path), Buffer.concat(parts));
  }
  return members;
}

export interface OpenLayout {
  readonly index: Document;
  /** Of the first entry of the index. */
  readonly manifest: Document;
  readonly config: Document;
  readonly blobOf: (digest: string) => Buffer;
}

/** The first image of an OCI layout: of the members of a tar, or of a folder. */
export function openLayout(from: ReadonlyMap<string, Buffer> | string): OpenLayout {
  const file = (name: string): Buffer => {
    const bytes = typeof from === 'string' ? readFileSync(join(from, name)) : from.get(name);
    if (bytes === undefined) throw new Error(`no ${name}`);
    return bytes;
  };
  const blobOf = (digest: string): Buffer => file(`blobs/${digest.replace(':', '/')}`);
  const document = (bytes: Buffer): Document => JSON.parse(bytes.toString()) as Document;
  const index = document(file('index.json'));
  const manifest = document(blobOf(index.manifests?.[0]?.digest ?? ''));
  return {
    index,
    manifest,
    config: manifest.config === undefined ? {} : document(blobOf(manifest.config.digest)),
    blobOf,
  };
}

/** The headers of a layer's plain tar, and its names in their order. */
export async function headersOf(
  tar: Uint8Array,
): Promise<readonly { path: string; mtime: number; size: number }[]> {
  const headers: { path: string; mtime: number; size: number }[] = [];
  for await (const { header } of readTar(streamOf(tar))) {
    headers.push({ path: toText(header.path), mtime: header.mtime, size: header.size });
  }
  return headers;
}
