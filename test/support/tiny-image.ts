import { gzipSync, zstdCompressSync } from 'node:zlib';
import { Header } from 'tar';
import { digestOf, type Digest } from '../../src/core/index.ts';
import { mediaTypes, type ContainerDefaults, type Descriptor, type Platform } from '../../src/oci/index.ts';
import type { Store } from '../../src/store/index.ts';

export interface TinyImageOptions {
  /** Full name (`docker.io/library/tiny:latest`) of the ref to set; none is set unless told. */
  readonly name?: string;
  /** Path and content of the regular files of each layer, bottom first. */
  readonly layers?: readonly Readonly<Record<string, string>>[];
  readonly compression?: 'none' | 'gzip' | 'zstd';
  readonly platform?: Platform;
  readonly config?: ContainerDefaults;
  /** Of its config; one entry a layer unless told. */
  readonly history?: readonly object[];
  /** Docker's media types instead of OCI's. */
  readonly docker?: boolean;
}

export interface TinyImage {
  /** Digest of the config. */
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly layers: readonly { readonly diffId: Digest; readonly descriptor: Descriptor }[];
}

const layerTypes = {
  none: [mediaTypes.layer, mediaTypes.dockerLayer],
  gzip: [mediaTypes.layerGzip, mediaTypes.dockerLayerGzip],
  zstd: [mediaTypes.layerZstd, mediaTypes.dockerLayerZstd],
} as const;

/** A whole small image written into a store, made by none of tsbuild's own image code. */
export async function makeTinyImage(
  store: Pick<Store, 'blobs' | 'refs' | 'images'>,
  options: TinyImageOptions = {},
): Promise<TinyImage> {
  const { compression = 'none', docker = false } = options;
  const { os, architecture, variant } = options.platform ?? { os: 'linux', architecture: 'amd64' };
  const flavour = docker ? 1 : 0;
  const put = async (bytes: Uint8Array, mediaType: string): Promise<Descriptor> => ({
    mediaType,
    ...(await store.blobs.put(bytes)),
  });
  const putJson = async (value: object, mediaType: string): Promise<Descriptor> =>
    put(Buffer.from(JSON.stringify(value)), mediaType);

  const layers: { diffId: Digest; descriptor: Descriptor }[] = [];
  for (const files of options.layers ?? [{ hello: 'hi\n' }]) {
    const tar = tinyTar(files);
    const bytes =
      compression === 'gzip' ? gzipSync(tar) : compression === 'zstd' ? zstdCompressSync(tar) : tar;
    layers.push({ diffId: digestOf(tar), descriptor: await put(bytes, layerTypes[compression][flavour]) });
  }
  const config = await putJson(
    {
      created: '2020-01-01T00:00:00Z',
      architecture,
      os,
      variant,
      config: options.config ?? {},
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
      history:
        options.history ??
        layers.map((_, index) => ({ created: '2020-01-01T00:00:00Z', created_by: `layer ${index}` })),
    },
    docker ? mediaTypes.dockerConfig : mediaTypes.config,
  );
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.manifest;
  const manifest = await putJson(
    { schemaVersion: 2, mediaType, config, layers: layers.map((layer) => layer.descriptor) },
    mediaType,
  );
  await store.images.put({ id: config.digest, manifest, added: '2020-01-01T00:00:00.000Z', repoDigests: [] });
  if (options.name !== undefined) await store.refs.set({ name: options.name, target: manifest });
  return { id: config.digest, manifest, layers };
}

/** A tar of regular files, owned by root, from 1970. */
export function tinyTar(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).flatMap(([path, content]) => {
    const body = Buffer.from(content);
    const header = new Header({
      path,
      type: 'File',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: body.length,
      mtime: new Date(0),
    });
    header.encode();
    return [header.block ?? Buffer.alloc(0), body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
