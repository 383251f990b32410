import { readFileSync } from 'node:fs';

import { digestParts, isJsonObject, type Digest } from '../../core/index.ts';
import {
  chainIds,
  maxConfigBytes,
  maxManifestBytes,
  parseImageConfig,
  parseManifestOrIndex,
} from '../../oci/index.ts';
import type { Descriptor } from '../../oci/types.ts';
import type { Store } from '../../store/index.ts';
import { snapshotFromJson } from '../state-json.ts';

/** What an image needs of the store, as far as it is there. */
export interface ImageNeeds {
  readonly id: Digest;
  readonly names: readonly string[];
  /** Manifest, config and layers, and the index that leads to them. */
  readonly blobs: readonly Digest[];
  /** Of its states, bottom first. */
  readonly chains: readonly Digest[];
  /** Its files, where they are unpacked. */
  readonly snapshots: readonly string[];
}

/** All images of the store, named or not. */
export async function listImageNeeds(store: Store): Promise<readonly ImageNeeds[]> {
  const found = new Map<Digest, { names: Set<string>; blobs: Set<Digest>; chains: readonly Digest[] }>();
  const indexes = new Set<string>();
  const add = (descriptor: Descriptor, name: string | undefined, above: readonly Digest[]): void => {
    const manifest = read(store, descriptor.digest, maxManifestBytes, parseManifestOrIndex);
    if (manifest === undefined) return;
    if (manifest.kind === 'index') {
      const opened = `${name ?? ''} ${descriptor.digest}`;
      // One that is named thousands of times is looked at once.
      if (above.length > 8 || indexes.has(opened)) return;
      indexes.add(opened);
      for (const each of manifest.index.manifests) add(each, name, [...above, descriptor.digest]);
      return;
    }
    const { config, layers } = manifest.manifest;
    const image = found.get(config.digest) ?? { names: new Set(), blobs: new Set(), chains: [] };
    for (const digest of [...above, descriptor.digest, config.digest, ...layers.map((layer) => layer.digest)])
      image.blobs.add(digest);
    if (name !== undefined) image.names.add(name);
    const parsed = read(store, config.digest, maxConfigBytes, parseImageConfig);
    found.set(config.digest, {
      ...image,
      chains: parsed === undefined ? [] : chainIds(parsed.rootfs.diff_ids),
    });
  };
  for (const { name, target } of await store.refs.list()) add(target, name, []);
  for (const { id, manifest, attestations } of await store.images.list()) {
    add(manifest, undefined, []);
    for (const { predicate } of attestations ?? []) found.get(id)?.blobs.add(predicate);
  }
  return Promise.all(
    [...found].map(async ([id, { names, blobs, chains }]) => ({
      id,
      names: [...names],
      blobs: [...blobs],
      chains,
      snapshots: await snapshotsOf(store, chains.at(-1)),
    })),
  );
}

async function snapshotsOf(store: Store, chain: Digest | undefined): Promise<readonly string[]> {
  if (chain === undefined) return [];
  const record = await store.records.get('chains', digestParts(chain).hex);
  return (isJsonObject(record) ? snapshotFromJson(record['chain'])?.chain : undefined) ?? [];
}

/** Unverified: who looks after the store must not remove what he finds damaged, as a verified read does. */
function read<T>(store: Store, digest: Digest, limit: number, parse: (bytes: Buffer) => T): T | undefined {
  try {
    const bytes = readFileSync(store.blobs.path(digest));
    return bytes.length > limit ? undefined : parse(bytes);
  } catch {
    return undefined;
  }
}
