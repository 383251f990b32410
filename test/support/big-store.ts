import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { digestOf, digestParts, type Digest } from '../../src/core/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import { layoutIndex, openStore, type Ref } from '../../src/store/index.ts';

/**
 * Adds images and records of the cache to a store that holds at least one record of a step, as if so many had been built:
 * the images have no layers, the records are of files that the store holds.
 */
export async function fillStore(
  root: string,
  { images, records }: { readonly images: number; readonly records: number },
): Promise<void> {
  const refs: Ref[] = [];
  const blob = (text: string): { digest: Digest; size: number } => {
    const digest = digestOf(text);
    writeFileSync(join(root, 'oci/blobs/sha256', digestParts(digest).hex), text);
    return { digest, size: Buffer.byteLength(text) };
  };
  for (let index = 0; index < images; index++) {
    const config = blob(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: { Labels: { index: `${index}` } },
        rootfs: { type: 'layers', diff_ids: [] },
      }),
    );
    const manifest = blob(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: { mediaType: mediaTypes.config, ...config },
        layers: [],
      }),
    );
    const target = { mediaType: mediaTypes.manifest, ...manifest };
    const ref = { name: `docker.io/library/big${index}:latest`, target };
    refs.push(ref);
    writeFileSync(join(root, 'refs', `${encodeURIComponent(ref.name)}.json`), JSON.stringify(ref));
    const { hex } = digestParts(config.digest);
    const record = { id: config.digest, manifest: target, added: '2026-01-01T00:00:00Z', repoDigests: [] };
    writeFileSync(join(root, 'images', `sha256-${hex}.json`), JSON.stringify(record));
  }
  {
    await using store = await openStore(root);
    writeFileSync(join(root, 'oci/index.json'), layoutIndex([...refs, ...(await store.refs.list())]));
    await store.refs.reindex();
  }
  const template = anyResult(root);
  for (let index = 0; index < records; index++) {
    const { hex } = digestParts(digestOf(`record ${index}`));
    const folder = join(root, 'records/results', shardOf(hex));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${hex}.json`), JSON.stringify({ ...template, key: `results/${hex}` }));
  }
}

/** Folder of a record within its collection. */
function shardOf(key: string): string {
  return digestParts(digestOf(key)).hex.slice(0, 2);
}

function anyResult(root: string): object {
  const folder = join(root, 'records/results');
  for (const shard of readdirSync(folder))
    for (const name of readdirSync(join(folder, shard)))
      return JSON.parse(readFileSync(join(folder, shard, name), 'utf8')) as object;
  throw new Error('the store holds no record');
}
