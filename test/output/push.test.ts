import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { nameTarget } from '../../src/image/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import { parseOutput, writeOutput } from '../../src/output/index.ts';
import { openSnapshotter } from '../../src/snapshot/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { buildTo } from '../support/build-to.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const image = { dockerfile: 'FROM scratch\nCOPY a /a\n', files: { a: 'one\n' } };

describe('pushing what was built', () => {
  requires('root', 'overlay', 'tool:docker-registry', 'tool:skopeo');
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('registry').path, 'files'));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const raw = async (
    name: string,
  ): Promise<{ mediaType: string; layers: { mediaType: string }[]; annotations?: object }> =>
    JSON.parse(
      await runOk(['skopeo', 'inspect', '--tls-verify=false', '--raw', `docker://${name}`]),
    ) as never;

  it('O-01 C-12 sends it under all its names, and keeps it', async () => {
    const [one, two] = [`${registry.host}/app:1`, `${registry.host}/other/app`];
    const {
      root,
      outputs,
      image: built,
    } = await buildTo({ ...image, tags: [one], to: [`type=registry,name=${two}`] });
    const digest = outputs[0]?.descriptor?.digest;
    for (const name of [one, two]) {
      const inspected = await runOk([
        'skopeo',
        'inspect',
        '--tls-verify=false',
        '--format',
        '{{.Digest}}',
        `docker://${name}`,
      ]);
      expect(inspected).toBe(digest);
    }
    expect(outputs[0]).toMatchObject({
      names: [one, `${two}:latest`],
      repoDigests: [`${registry.host}/app@${digest}`, `${registry.host}/other/app@${digest}`],
    });
    await using store = await openStore(root);
    expect((await store.images.get(built.id))?.repoDigests).toEqual(outputs[0]?.repoDigests);
    expect((await store.refs.list()).map(({ name }) => name)).toEqual(outputs[0]?.names);
  });

  it('O-01 push-by-digest sends no tag, and store=false keeps nothing', async () => {
    const name = `${registry.host}/by-digest`;
    const { root, outputs } = await buildTo({
      ...image,
      to: [`type=image,push=true,push-by-digest=true,store=false,name=${name}`],
    });
    const [repoDigest = ''] = outputs[0]?.repoDigests ?? [];
    expect((await raw(repoDigest)).layers).toHaveLength(1);
    const tags = await runCommand(['skopeo', 'list-tags', '--tls-verify=false', `docker://${name}`]);
    expect(tags.stdout).not.toContain('latest');
    await using store = await openStore(root);
    expect([await store.refs.list(), await store.images.list()]).toEqual([[], []]);
  });

  it.each([
    ['compression=zstd', mediaTypes.manifest, mediaTypes.layerZstd],
    ['oci-mediatypes=false', mediaTypes.dockerManifest, mediaTypes.dockerLayerGzip],
    ['', mediaTypes.manifest, mediaTypes.layerGzip],
  ])('O-01 O-39 O-70 in the form asked for: %s', async (options, manifestType, layerType) => {
    const name = `${registry.host}/form:${options.replace(/\W/g, '-')}1`;
    await buildTo({
      ...image,
      tags: [name],
      to: [`type=registry,${options === '' ? 'push=true' : options}`],
    });
    expect(await raw(name)).toMatchObject({ mediaType: manifestType, layers: [{ mediaType: layerType }] });
  });

  it.each([
    [1, '', mediaTypes.manifest],
    [2, '', mediaTypes.index],
    [2, ',oci-mediatypes=false', mediaTypes.dockerList],
  ])(
    'O-02 O-30 O-39 of %d platforms%s the digest in a layout is the one that was pushed',
    async (count, options, mediaType) => {
      const name = `${registry.host}/same:${mediaType.replaceAll(/\W/g, '-')}`;
      const platforms = ['amd64', 'arm64']
        .slice(0, count)
        .map((architecture) => ({ os: 'linux', architecture }));
      const to = ['type=registry', 'type=oci'].map(
        (type) => `${type},${options.slice(1) || 'source-date-epoch=1'}`,
      );
      const { outputs } = await buildTo({ ...image, platforms, tags: [name], to });
      expect(outputs[1]?.descriptor).toEqual(outputs[0]?.descriptor);
      expect(await raw(name)).toMatchObject({ mediaType });
    },
  );

  it('O-01 sends what was built, and not what another build gives the name to meanwhile', async () => {
    const name = `${registry.host}/raced:1`;
    const { root, built } = await buildTo({ ...image, to: ['type=cacheonly'] });
    const other = await buildTo({ ...image, root, files: { a: 'two\n' }, to: ['type=image'] });
    await using store = await openStore(root);
    const raced: Store = {
      ...store,
      // Between naming and pushing.
      settleAside: async () => {
        await nameTarget(store, other.image.descriptor, name);
      },
    };
    const snapshotter = openSnapshotter(store.snapshots);
    const { repoDigests } = await writeOutput(parseOutput('type=registry'), built, {
      ...{ store: raced, snapshotter, names: [name], signal: new AbortController().signal },
      emit: () => undefined,
      stdout: async () => undefined,
    });
    const { config } = JSON.parse(
      await runOk(['skopeo', 'inspect', '--tls-verify=false', '--raw', `docker://${repoDigests[0]}`]),
    ) as { config: { digest: string } };
    expect(config.digest).toBe(built.images[0]?.image.id);
  });

  it('O-32 C-40 O-41 annotations travel with the manifest, and change no id', async () => {
    const name = `${registry.host}/annotated:1`;
    const root = tempFolder('root').path;
    const dated = { ...image, root, tags: [name], buildArgs: new Map([['SOURCE_DATE_EPOCH', '1']]) };
    const plain = await buildTo({ ...dated, to: ['type=image'] });
    const annotations = [
      { level: 'manifest', key: 'org.opencontainers.image.title', value: 'a title' },
    ] as const;
    const { image: built } = await buildTo({ ...dated, shape: { annotations }, to: ['type=registry'] });
    expect(built.id).toBe(plain.image.id);
    expect((await raw(name)).annotations).toEqual({ 'org.opencontainers.image.title': 'a title' });
    expect(built.manifest.annotations).toEqual({ 'org.opencontainers.image.title': 'a title' });
    await using store = await openStore(root);
    expect((await store.refs.get(name))?.target.digest).toBe(built.digest);
  });

  it('B-09 C-57 access is checked before the first step runs', async () => {
    const root = join(tempFolder('root').path, 'store');
    const to = ['type=registry,name=127.0.0.1:1/nobody/listens'];
    await expect(buildTo({ ...image, root, to })).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(existsSync(root)).toBe(false);
  });
});
