import { TsbuildError, type Digest } from '../core/index.ts';
import { familiarName, maxConfigBytes, parseImageConfig } from '../oci/index.ts';
import type { ImageConfig, Manifest, Platform, Reference } from '../oci/index.ts';
import { chooseManifest } from './choose.ts';
import { createRegistryClient } from './client.ts';
import { readBytes } from './read.ts';
import { withRepository, type RegistryOptions } from './repository.ts';

export interface LookUpOptions extends RegistryOptions {
  /** Which image of an index. */
  readonly platform: Platform;
  /** What the name is known to stand for: asked for in its place. */
  readonly at?: Digest | undefined;
  readonly signal: AbortSignal;
}

/** An image of a registry as far as its manifest and config tell. */
export interface FoundImage {
  /** Digest of the config. */
  readonly id: Digest;
  /** Digest of the manifest that was chosen. */
  readonly digest: Digest;
  /** What the name stands for in the registry: that manifest, or the index it was chosen from. */
  readonly named: Digest;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** Asks for manifest and config, and stores nothing. Throws as `pullImage` does. */
export async function lookUpImage(reference: Reference, options: LookUpOptions): Promise<FoundImage> {
  const { platform } = options;
  const name = familiarName(reference);
  return withRepository(reference, { ...options, access: 'pull' }, async (open) => {
    const client = createRegistryClient(open);
    const named = await client.manifest(options.at ?? reference.digest ?? reference.tag ?? 'latest');
    const { manifest, descriptor } = await chooseManifest(client, named, { name, platform });
    const config = parseImageConfig(await readBytes(client, manifest.config, maxConfigBytes));
    checkLayers(manifest, config);
    const { digest } = descriptor;
    return { id: manifest.config.digest, digest, named: named.descriptor.digest, manifest, config };
  });
}

export function checkLayers(manifest: Manifest, config: ImageConfig): void {
  const [has, promises] = [manifest.layers.length, config.rootfs.diff_ids.length];
  if (has === promises) return;
  throw new TsbuildError('IMAGE_INVALID', `the manifest has ${has} layers, its config ${promises}`);
}
