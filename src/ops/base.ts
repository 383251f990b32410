import type { EmitBuildEvent } from '../core/index.ts';
import type { ResolveBase, ResolvedBase } from '../graph/index.ts';
import { familiarName, formatPlatform, parseReference, platformFits, type Platform } from '../oci/index.ts';
import { findImage, openImage, type Image } from '../image/index.ts';
import { pullImage } from '../registry/index.ts';
import type { Store } from '../store/index.ts';

export interface BaseOptions {
  readonly store: Store;
  /** Asks the registry even when the store has the name. */
  readonly pull: boolean;
  readonly signal: AbortSignal;
  readonly emit: EmitBuildEvent;
}

/**
 * Finds base images: in the store first, else in their registry; each name and platform once, so that a tag that moves
 * during the build gives one image (S-66).
 */
export function baseResolver(options: BaseOptions): ResolveBase {
  const found = new Map<string, Promise<ResolvedBase>>();
  return (name, platform) => {
    const key = `${formatPlatform(platform)} ${name}`;
    const existing = found.get(key);
    if (existing !== undefined) return existing;
    const resolving = resolveBase(name, platform, options);
    found.set(key, resolving);
    return resolving;
  };
}

async function resolveBase(name: string, platform: Platform, options: BaseOptions): Promise<ResolvedBase> {
  const image =
    (options.pull ? undefined : await localImage(name, platform, options)) ??
    (await pulledImage(name, platform, options));
  return {
    name: familiarName(parseReference(name)),
    digest: image.digest,
    id: image.id,
    config: image.config,
    layers: image.manifest.layers,
  };
}

async function localImage(
  name: string,
  platform: Platform,
  { store, emit }: BaseOptions,
): Promise<Image | undefined> {
  const found = await findImage(store, name);
  if (found === undefined) return undefined;
  const image = await openImage(store, found.manifest);
  if (!platformFits(image.config, platform)) {
    emit({
      type: 'warning',
      message: `base image ${name} is for ${formatPlatform(image.config)}, but ${formatPlatform(platform)} was asked for`,
    });
  }
  return image;
}

async function pulledImage(name: string, platform: Platform, options: BaseOptions): Promise<Image> {
  const { store, signal } = options;
  const pulled = await pullImage(store, parseReference(name), { platform, signal });
  return openImage(store, pulled.manifest);
}
