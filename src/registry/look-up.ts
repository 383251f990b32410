import { createDigester, digestParts, TsbuildError, type Digest } from '../core/index.ts';
import { defaultRetryPolicy, type RetryPolicy } from '../http/index.ts';
import { familiarName, maxConfigBytes, parseImageConfig, registryHost } from '../oci/index.ts';
import type { Descriptor, ImageConfig, Manifest, Platform, Reference } from '../oci/index.ts';
import { chooseManifest } from './choose.ts';
import { createRegistryClient, type RegistryClient } from './client.ts';
import { registryFailure } from './failure.ts';

export interface LookUpOptions {
  /** Which image of an index. */
  readonly platform: Platform;
  readonly signal: AbortSignal;
  readonly retry?: RetryPolicy | undefined;
}

/** An image of a registry as far as its manifest and config tell. */
export interface FoundImage {
  /** Digest of the config. */
  readonly id: Digest;
  /** Digest of the manifest that was chosen. */
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** Asks for manifest and config, and stores nothing. Throws as `pullImage` does. */
export async function lookUpImage(reference: Reference, options: LookUpOptions): Promise<FoundImage> {
  const { platform, signal } = options;
  const host = registryHost(reference.registry);
  const name = familiarName(reference);
  const client = createRegistryClient({
    host,
    repository: reference.repository,
    signal,
    retry: options.retry ?? defaultRetryPolicy,
    stall: 60_000,
  });
  try {
    const named = await client.manifest(reference.digest ?? reference.tag ?? 'latest');
    const { manifest, descriptor } = await chooseManifest(client, named, { name, platform });
    const config = parseImageConfig(await readConfig(client, manifest.config));
    checkLayers(manifest, config);
    return { id: manifest.config.digest, digest: descriptor.digest, manifest, config };
  } catch (error) {
    if (signal.aborted) {
      throw new TsbuildError('INTERRUPTED', `the look-up of ${name} was stopped`, { cause: error });
    }
    throw registryFailure(error, { name, host });
  }
}

/** The client ends the transfer where it exceeds the size. */
async function readConfig(client: RegistryClient, descriptor: Descriptor): Promise<Buffer> {
  const { digest, size } = descriptor;
  refuseLargeConfig(descriptor);
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.blob(descriptor)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const digester = createDigester(digestParts(digest).algorithm);
  digester.update(bytes);
  if (bytes.byteLength === size && digester.digest() === digest) return bytes;
  throw new TsbuildError('DIGEST_MISMATCH', `the registry sent other bytes than ${digest} promises`);
}

function refuseLargeConfig({ size }: Descriptor): void {
  if (size <= maxConfigBytes) return;
  throw new TsbuildError('IMAGE_INVALID', `the image config is larger than ${maxConfigBytes} bytes`);
}

export function checkLayers(manifest: Manifest, config: ImageConfig): void {
  const [has, promises] = [manifest.layers.length, config.rootfs.diff_ids.length];
  if (has === promises) return;
  throw new TsbuildError('IMAGE_INVALID', `the manifest has ${has} layers, its config ${promises}`);
}
