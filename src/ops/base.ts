import { TsbuildError, type EmitBuildEvent } from '../core/index.ts';
import type { ResolveBase, ResolvedBase } from '../graph/index.ts';
import { familiarName, formatPlatform, parseReference, type Platform } from '../oci/index.ts';
import { findImage, openImage, type Image } from '../image/index.ts';
import { lookUpImage, pullImage } from '../registry/index.ts';
import type { Store } from '../store/index.ts';

export interface BaseOptions {
  readonly store: Store;
  /** Asks the registry even when the store has the name. */
  readonly pull: boolean;
  readonly signal: AbortSignal;
  readonly emit: EmitBuildEvent;
  /** `look-up`: what the store does not have is asked for and not fetched, so that its layers are known but not there. */
  readonly bases: 'pull' | 'look-up';
  /** Refuses one of another platform: below an index, it would stand for what it is not. */
  readonly exact: boolean;
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
  const image = await baseImage(name, platform, options);
  return {
    name: familiarName(parseReference(name)),
    digest: image.digest,
    id: image.id,
    config: image.config,
    layers: image.manifest.layers,
  };
}

type BaseImage = Pick<Image, 'id' | 'digest' | 'manifest' | 'config'>;

/** The store's image when it is whole and of the platform, else the registry's, else the store's of another platform. */
async function baseImage(name: string, platform: Platform, options: BaseOptions): Promise<BaseImage> {
  const { store, signal, bases, emit } = options;
  const onWarning = (message: string): void => emit({ type: 'warning', message });
  const found = options.pull ? undefined : await findImage(store, name, { platform });
  if (found !== undefined) return openImage(store, found.manifest);
  try {
    if (bases === 'look-up') return await lookUpImage(parseReference(name), { platform, signal, onWarning });
    const pulled = await pullImage(store, parseReference(name), { platform, signal, onWarning });
    return await openImage(store, pulled.manifest);
  } catch (error) {
    const other = options.pull || signal.aborted ? undefined : await findImage(store, name);
    if (other === undefined) throw error;
    const image = await openImage(store, other.manifest);
    return foreignImage(name, platform, { ...options, image, cause: error });
  }
}

/** Taken with a warning: people do build on images of a platform that the machine emulates (L-105). */
function foreignImage(
  name: string,
  platform: Platform,
  options: BaseOptions & { readonly image: Image; readonly cause: unknown },
): Image {
  const { image, emit, exact, cause } = options;
  const [is, wanted] = [formatPlatform(image.config), formatPlatform(platform)];
  if (exact) {
    throw new TsbuildError(
      'PLATFORM_MISMATCH',
      `base image ${name} is there for ${is} only, not for ${wanted}`,
      {
        cause,
        hint: `build for ${is} alone, or bring one for ${wanted} into the store`,
      },
    );
  }
  emit({ type: 'warning', message: `base image ${name} is for ${is}, but ${wanted} was asked for` });
  return image;
}
