import type { ByteString } from '../../src/core/index.ts';
import { createTarWriter, readTar, type TarHeader, type TarLimits } from '../../src/tar/index.ts';
import { collectBytes } from './collect.ts';
import { streamOf } from './make-tar.ts';

/** A header with the usual values. */
export function tarHeader(path: string, fields: Partial<TarHeader> = {}): TarHeader {
  return {
    type: 'file',
    path: path as ByteString,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 1_700_000_000,
    size: 0,
    xattrs: [],
    ...fields,
  };
}

export type TarItem = readonly [header: TarHeader, body?: Uint8Array];

/** Written by tsbuild's writer; the header's size is the body's. */
export function writeTar(items: readonly TarItem[]): Buffer {
  const chunks: Uint8Array[] = [];
  const writer = createTarWriter((chunk) => void chunks.push(chunk));
  for (const [header, body = new Uint8Array(0)] of items) {
    writer.entry({ ...header, size: body.length });
    if (body.length > 0) writer.data(body);
  }
  writer.finish();
  return Buffer.concat(chunks);
}

/** Read by tsbuild's reader, bodies included. */
export async function readItems(
  archive: Uint8Array,
  { chunk, limits }: { readonly chunk?: number; readonly limits?: Partial<TarLimits> } = {},
): Promise<{ readonly header: TarHeader; readonly body: Buffer }[]> {
  const items: { header: TarHeader; body: Buffer }[] = [];
  for await (const entry of readTar(streamOf(archive, chunk), limits)) {
    items.push({ header: entry.header, body: await collectBytes(entry.chunks()) });
  }
  return items;
}
