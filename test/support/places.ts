import { digestOf } from '../../src/core/index.ts';
import { openPlace, type BlobBytes, type BlobPlace, type ServiceSpec } from '../../src/object-store/index.ts';
import { parseCacheFrom } from '../../src/remote-cache/index.ts';

/** The place that `--cache-from` of this value reads. `patience`: milliseconds, of which a quarter is waited for others. */
export function placeOf(
  spec: string,
  { patience = 60_000, stall = 20_000, signal = new AbortController().signal } = {},
): BlobPlace {
  const { service } = parseCacheFrom(spec) as { service: ServiceSpec };
  return openPlace(service, {
    ...{ signal, stall, part: 2 ** 18 },
    retry: { tries: 3, first: 5, longest: 20, patience },
  });
}

export function blobOf(content: string | Buffer): BlobBytes {
  const bytes = Buffer.from(content);
  return {
    digest: digestOf(bytes),
    size: bytes.byteLength,
    read: async function* (start, end) {
      for (let at = start; at < end; at += 2 ** 16)
        yield await Promise.resolve(bytes.subarray(at, Math.min(end, at + 2 ** 16)));
    },
  };
}

export async function bytesIn(place: BlobPlace, blob: BlobBytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of place.read(blob)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
