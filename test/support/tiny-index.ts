import { nameTarget, writeIndex } from '../../src/image/index.ts';
import { parsePlatform, type Descriptor } from '../../src/oci/index.ts';
import type { Store } from '../../src/store/index.ts';
import { makeTinyImage, type TinyImage, type TinyImageOptions } from './tiny-image.ts';

export interface TinyIndex {
  readonly descriptor: Descriptor;
  /** By platform as it was given. */
  readonly images: ReadonlyMap<string, TinyImage>;
}

/** An index of one tiny image for each platform, in that order; each has a file of its platform's name. */
export async function makeTinyIndex(
  store: Store,
  platforms: readonly string[],
  options: TinyImageOptions = {},
): Promise<TinyIndex> {
  const { name, ...ofImages } = options;
  const images = new Map<string, TinyImage>();
  for (const text of platforms) {
    const layers = [{ all: 'the same\n' }, { [text.replaceAll('/', '-')]: '' }];
    images.set(text, await makeTinyImage(store, { layers, ...ofImages, platform: parsePlatform(text) }));
  }
  const entries = [...images].map(([text, { manifest }]) => ({ manifest, platform: parsePlatform(text) }));
  const descriptor = await writeIndex(store, entries);
  if (name !== undefined) await nameTarget(store, descriptor, name);
  return { descriptor, images };
}
