import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

interface Part {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Unpacks uncompressed layer tars, bottom first, with umoci, and returns the folder of the root file system. */
export async function unpackWithUmoci(layers: readonly string[]): Promise<string> {
  const { path } = tempFolder('umoci');
  const layout = join(path, 'layout');
  const blobs = join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const addFile = (file: string, mediaType: string): Part => {
    const hex = createHash('sha256').update(readFileSync(file)).digest('hex');
    copyFileSync(file, join(blobs, hex));
    return { mediaType, digest: `sha256:${hex}`, size: statSync(file).size };
  };
  const addJson = (value: object, mediaType: string): Part => {
    const file = join(path, 'part.json');
    writeFileSync(file, JSON.stringify(value));
    return addFile(file, mediaType);
  };
  const parts = layers.map((layer) => addFile(layer, 'application/vnd.oci.image.layer.v1.tar'));
  const rootfs = { type: 'layers', diff_ids: parts.map(({ digest }) => digest) };
  const config = addJson(
    { architecture: 'amd64', os: 'linux', config: {}, rootfs },
    'application/vnd.oci.image.config.v1+json',
  );
  const manifest = addJson(
    { schemaVersion: 2, config, layers: parts },
    'application/vnd.oci.image.manifest.v1+json',
  );
  const annotations = { 'org.opencontainers.image.ref.name': 'it' };
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const bundle = join(path, 'bundle');
  await runOk(['umoci', 'unpack', '--image', `${layout}:it`, bundle]);
  return join(bundle, 'rootfs');
}
