import type { PassThrough } from 'node:stream';

import { digestParts, TsbuildError } from '../core/index.ts';
import { bounded } from '../image/index.ts';
import { waitingStream, type ArrivingLayer, type LayerTap } from '../registry/index.ts';
import { decompress } from '../tar/index.ts';
import { chainLock, unpackLayer, type UnpackServices } from './unpack-layer.ts';

interface EarlyUnpackServices extends UnpackServices {
  readonly signal: AbortSignal;
}

/**
 * Unpacks the lowest layer of a base while it arrives; the snapshot stands only once the blob is in the store with its own
 * digest and the tar has the diff id. It is tried once, and its failure is none of the pull: what is not unpacked then is
 * unpacked by the first step that needs it, which says what is wrong.
 */
export function earlyUnpack(services: EarlyUnpackServices): (layer: ArrivingLayer) => LayerTap {
  return ({ diffId }) => {
    const { stream, write } = waitingStream();
    // Nobody may be listening any more when it is given up.
    stream.on('error', () => undefined);
    const arrival = Promise.withResolvers<boolean>();
    const unpacking = unpack(services, { diffId, stream, arrival: arrival.promise })
      .catch(() => undefined)
      .finally(() => stream.destroy());
    return {
      write,
      async end(isRight) {
        arrival.resolve(isRight);
        if (isRight) stream.end();
        else stream.destroy(new TsbuildError('DIGEST_MISMATCH', 'the layer did not arrive'));
        await unpacking;
      },
    };
  };
}

async function unpack(
  services: EarlyUnpackServices,
  {
    diffId,
    stream,
    arrival,
  }: Pick<ArrivingLayer, 'diffId'> & {
    readonly stream: PassThrough;
    readonly arrival: Promise<boolean>;
  },
): Promise<void> {
  const { store, signal } = services;
  // The chain of one layer is named by its diff id (image-spec, config.md, "Layer ChainID").
  const key = digestParts(diffId).hex;
  await using lock = await store.tryLock(chainLock(key));
  if (lock === undefined || (await store.records.get('chains', key)) !== undefined) return;
  const open = async (): Promise<AsyncIterable<Uint8Array>> => {
    const { bytes } = await decompress(stream);
    return onceRight(bounded(bytes), { stream, arrival });
  };
  await unpackLayer(services, undefined, { key, diffId, open, signal });
}

/** The tar, whose end does not come before it is known that the blob is right. */
async function* onceRight(
  bytes: AsyncIterable<Uint8Array>,
  { stream, arrival }: { readonly stream: PassThrough; readonly arrival: Promise<boolean> },
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* bytes;
  // What may stand behind the compressed bytes is waited for by nobody: it must not stop who brings it.
  stream.destroy();
  if (!(await arrival)) throw new TsbuildError('DIGEST_MISMATCH', 'the layer is not what was promised');
}
