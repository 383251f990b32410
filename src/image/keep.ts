import type { Descriptor } from '../oci/types.ts';
import type { Store } from '../store/types.ts';
import type { Image } from './image.ts';
import { nameTarget } from './names.ts';
import { recordImage } from './records.ts';

export interface KeptImage {
  /** Full names. */
  readonly names: readonly string[];
  /** What the names point to. */
  readonly manifest: Descriptor;
}

/**
 * Makes an image, whose parts are in the store, one of the store's: it is listed, stays, and has the names. One that came
 * from a registry with the same id is kept as it came, unless this one is annotated.
 */
export async function keepImage(store: Store, image: Image, names: readonly string[]): Promise<KeptImage> {
  const isAnnotated = Object.keys(image.manifest.annotations ?? {}).length > 0;
  const record = await recordImage(store, {
    id: image.id,
    manifest: image.descriptor,
    replaces: isAnnotated,
  });
  const full: string[] = [];
  for (const name of names) full.push(await nameTarget(store, record.manifest, name));
  return { names: full, manifest: record.manifest };
}
