import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { publications } from '../support/foreign-images.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const manifestTypes = {
  oci: 'application/vnd.oci.image.manifest.v1+json',
  docker: 'application/vnd.docker.distribution.manifest.v2+json',
};
const layerTypes = {
  oci: {
    gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
    zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
    none: 'application/vnd.oci.image.layer.v1.tar',
  },
  docker: {
    gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
    none: 'application/vnd.docker.image.rootfs.diff.tar',
  },
};

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly mediaType: string }[];
}

describe('images that others pushed', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:docker-registry');
  let registry: TestRegistry;
  let cli: Tsbuild;
  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('registry').path, 'files'));
    cli = tsbuild();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const lines = publications.map((one, index) => ({ ...one, repository: `theirs/image-${index}` }));
  it.each(lines)('G-41 O-33 are pulled and run: by $by, $types media types, layers $layers', async (line) => {
    requires(...line.needs);
    const name = `${registry.host}/${line.repository}:1`;
    await line.publish(name, line.repository);
    const accept = Object.values(manifestTypes).join(', ');
    const answer = await fetch(`http://${registry.host}/v2/${line.repository}/manifests/1`, {
      headers: { accept },
    });
    const digest = answer.headers.get('docker-content-digest');
    const manifest = (await answer.json()) as Manifest;
    // The line says what it tries, whatever the tool does by default.
    expect(answer.headers.get('content-type')).toBe(manifestTypes[line.types]);
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual([layerTypes[line.types][line.layers]]);

    expect(await cli.ok(['run', '--rm', name])).toBe(line.repository);
    const [image] = JSON.parse(await cli.ok(['inspect', name])) as [{ Id: string; RepoDigests: string[] }];
    expect(image.Id).toBe(manifest.config.digest);
    expect(image.RepoDigests).toEqual([`${registry.host}/${line.repository}@${digest}`]);
  });
});
