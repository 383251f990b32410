import { isDigest, TsbuildError, type Digest, type EmitBuildEvent } from '../core/index.ts';
import type { ResolveBase, ResolvedBase } from '../graph/index.ts';
import {
  familiarName,
  formatPlatform,
  formatReference,
  parseReference,
  platformFits,
  repositoryName,
} from '../oci/index.ts';
import type { Platform, Reference } from '../oci/index.ts';
import { findImage, openImage, type Image } from '../image/index.ts';
import { lookUpImage, pullImage } from '../registry/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import type { Store } from '../store/index.ts';
import { earlyUnpack } from './early-unpack.ts';

export interface BaseOptions {
  readonly store: Store;
  /** Where a base's lowest layer is unpacked while it is pulled; unless told, that is left to the step that needs it. */
  readonly snapshotter?: (() => Snapshotter) | undefined;
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
 * Finds base images: in the store first, else in their registry; each name and platform once, and for a further platform
 * what the registry said first that the name stands for, so that a tag that moves during the build gives one image (S-66).
 */
export function baseResolver(settings: BaseOptions): ResolveBase {
  const found = new Map<string, Promise<ResolvedBase>>();
  const options = { ...settings, ask: inTurn() };
  return (name, platform) => {
    const key = `${formatPlatform(platform)} ${name}`;
    const existing = found.get(key);
    if (existing !== undefined) return existing;
    const resolving = resolveBase(name, platform, options);
    found.set(key, resolving);
    return resolving;
  };
}

type Ask = (
  reference: Reference,
  task: (at: Digest | undefined) => Promise<Answer>,
) => Promise<Answer['image']>;

interface Answer {
  readonly image: BaseImage;
  /** What the name stands for in the registry; undefined for an image that no registry has named so. */
  readonly named: Digest | undefined;
}

/** Who asks for the same name waits for who asked before, and is given what it was found to stand for. */
function inTurn(): Ask {
  const known = new Map<string, Promise<Digest | undefined>>();
  return async (reference, task) => {
    const name = formatReference(reference);
    const before = known.get(name) ?? Promise.resolve(undefined);
    const asking = before.then(task);
    known.set(
      name,
      asking.then(
        async ({ named }) => named ?? before,
        () => before,
      ),
    );
    return (await asking).image;
  };
}

type Resolving = BaseOptions & { readonly ask: Ask };

async function resolveBase(name: string, platform: Platform, options: Resolving): Promise<ResolvedBase> {
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
async function baseImage(name: string, platform: Platform, options: Resolving): Promise<BaseImage> {
  const { store, exact, signal } = options;
  const reference = parseReference(name);
  const found = options.pull ? undefined : await findImage(store, name, { platform });
  if (found !== undefined && !exact) return openImage(store, found.manifest);
  try {
    return await options.ask(reference, async (at) => {
      const known = found === undefined ? undefined : await registryDigests(store, reference, found.id);
      // Among several platforms it is one of a whole, which may have been another when this one came.
      if (found !== undefined && (at === undefined || known?.includes(at) === true))
        return { image: await openImage(store, found.manifest), named: at ?? known?.[0] };
      return fromRegistry(reference, platform, { ...options, at });
    });
  } catch (error) {
    if (found !== undefined || options.pull || signal.aborted) throw error;
    const other = await findImage(store, name);
    if (other === undefined) throw error;
    const image = await openImage(store, other.manifest);
    return foreignImage(name, platform, { ...options, image, cause: error });
  }
}

/** Without one that is known, the index that the store's image for another platform came from goes before the tag's. */
async function fromRegistry(
  reference: Reference,
  platform: Platform,
  options: Resolving & { readonly at: Digest | undefined },
): Promise<Answer> {
  const { store, at, exact, pull, signal } = options;
  const own =
    exact && !pull && at === undefined ? await findImage(store, formatReference(reference)) : undefined;
  const [earlier] = own === undefined ? [] : await registryDigests(store, reference, own.id);
  if (earlier !== undefined) {
    try {
      const answer = await askRegistry(reference, platform, { ...options, at: earlier });
      // What is no index is the store's image once more.
      if (platformFits(platform, answer.image.config)) return answer;
    } catch (error) {
      const isGone =
        error instanceof TsbuildError && ['IMAGE_NOT_FOUND', 'PLATFORM_MISMATCH'].includes(error.code);
      if (!isGone || signal.aborted) throw error;
    }
  }
  return askRegistry(reference, platform, options);
}

async function askRegistry(
  reference: Reference,
  platform: Platform,
  options: Resolving & { readonly at: Digest | undefined },
): Promise<Answer> {
  const { store, at, signal, bases, emit } = options;
  const onWarning = (message: string): void => emit({ type: 'warning', message });
  const asked = { platform, at, signal, onWarning };
  if (bases === 'look-up') {
    const image = await lookUpImage(reference, asked);
    return { image, named: image.named };
  }
  const snapshotter = options.snapshotter?.();
  const tapLowest = snapshotter && earlyUnpack({ store, snapshotter, signal });
  const { manifest, digest: named } = await pullImage(store, reference, { ...asked, tapLowest });
  return { image: await openImage(store, manifest), named };
}

/** What the name's repository has an image of the store under: its manifest, or the index that it came from. */
async function registryDigests(store: Store, reference: Reference, id: Digest): Promise<readonly Digest[]> {
  const prefix = `${repositoryName(reference)}@`;
  const { repoDigests = [] } = (await store.images.get(id)) ?? {};
  return repoDigests.flatMap((one) => {
    const digest = one.startsWith(prefix) ? one.slice(prefix.length) : '';
    return isDigest(digest) ? [digest] : [];
  });
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
