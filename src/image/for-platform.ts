import { TsbuildError } from '../core/index.ts';
import { formatPlatform, samePlatform } from '../oci/index.ts';
import type { Platform } from '../oci/types.ts';
import type { Store } from '../store/types.ts';
import { openIfWhole } from './image.ts';
import { imagesOf } from './index-image.ts';
import { findImage, resolveImage, type ResolvedImage } from './resolve.ts';

/**
 * The image for exactly this platform that a name, an id or a digest stands for: no other that would run there, too. Without
 * a platform it is `resolveImage`. Throws IMAGE_NOT_FOUND, PLATFORM_MISMATCH.
 */
export async function resolveForPlatform(
  store: Store,
  text: string,
  platform: Platform | undefined,
): Promise<ResolvedImage> {
  if (platform === undefined) return resolveImage(store, text);
  const found = await findImage(store, text, { platform });
  const image = found && (await openIfWhole(store, found.manifest));
  if (found !== undefined && image !== undefined && samePlatform(image.config, platform)) return found;
  const { index, manifest } = await resolveImage(store, text);
  const offered: string[] = [];
  for (const member of await imagesOf(store, index ?? manifest)) {
    const config = (await openIfWhole(store, member.manifest))?.config;
    if (config !== undefined) offered.push(formatPlatform(config));
  }
  throw new TsbuildError('PLATFORM_MISMATCH', `${text} has no image for ${formatPlatform(platform)} here`, {
    hint: offered.length === 0 ? undefined : `there is ${[...new Set(offered)].join(', ')}`,
  });
}
