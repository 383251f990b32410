import { digestParts, type ByteString } from '../core/index.ts';
import { openLayer } from '../image/index.ts';
import type { Store } from '../store/index.ts';
import { createTarWriter, parseLayerName, readTar, type TarHeader } from '../tar/index.ts';
import type { ImageServices } from './image.ts';
import { rememberedLayer, type MadeLayer } from './remembered-layer.ts';
import type { LayerState } from './types.ts';

/** Times of files: not later than the epoch, or all exactly that. */
export interface Redating {
  readonly epoch: number;
  readonly how: 'clamp' | 'exact';
}

/** The layer with other times of its files (O-56, O-60); the same when none changes. */
export async function redatedLayer(
  services: Pick<ImageServices, 'store' | 'lease'>,
  layer: LayerState,
  { epoch, how }: Redating,
): Promise<LayerState> {
  const { algorithm, hex } = digestParts(layer.diffId);
  const key = `${algorithm}-${hex}.dated.${how}.${epoch}`;
  const made = await rememberedLayer(services, key, () => rewrite(services.store, layer, { epoch, how }));
  return { ...layer, ...(made.diffId === layer.diffId ? {} : made) };
}

async function rewrite(store: Store, layer: LayerState, redating: Redating): Promise<MadeLayer> {
  const { digest, size } = await store.blobs.put(redated(await openLayer(store, layer), redating));
  return { diffId: digest, size };
}

async function* redated(
  tar: AsyncIterable<Uint8Array>,
  redating: Redating,
): AsyncGenerator<Uint8Array, void, undefined> {
  const ready: Uint8Array[] = [];
  // A chunk that comes from a body is the reader's again as soon as the next one is asked for.
  const writer = createTarWriter((chunk) => void ready.push(Buffer.from(chunk)));
  for await (const entry of readTar(tar)) {
    writer.entry(withTime(entry.header, redating));
    if (entry.header.type === 'file') {
      for await (const chunk of entry.chunks()) {
        writer.data(chunk);
        yield* ready.splice(0);
      }
    }
    yield* ready.splice(0);
  }
  writer.finish();
  yield* ready.splice(0);
}

/** Whiteouts stay at zero (O-36). */
function withTime(header: TarHeader, { epoch, how }: Redating): TarHeader {
  const name = header.path.slice(header.path.lastIndexOf('/') + 1) as ByteString;
  if (parseLayerName(name).kind !== 'plain') return header;
  const mtime = how === 'exact' ? epoch : Math.min(header.mtime, epoch);
  return { ...header, mtime, mtimeNanos: mtime === header.mtime ? header.mtimeNanos : 0 };
}
