import { appendFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';

import { digestOf, type BuildEvent } from '../../src/core/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import { layoutResolver, parseBuildContext } from '../../src/ops/index.ts';
import { openStore } from '../../src/store/index.ts';
import { built, treeLines } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, type TinyImage } from '../support/tiny-image.ts';

const here = { os: 'linux', architecture: 'amd64' } as const;

describe('an OCI layout', () => {
  let layout: string;
  let one: TinyImage;
  let two: TinyImage;

  beforeEach(async () => {
    await using store = await openStore(join(tempFolder('layout').path, 'store'));
    one = await makeTinyImage(store, {
      name: 'docker.io/library/tiny:latest',
      compression: 'gzip',
      layers: [{ file: '1' }],
    });
    two = await makeTinyImage(store, {
      name: 'docker.io/library/tiny:2',
      compression: 'none',
      layers: [{ file: '2' }],
    });
    layout = join(tempFolder('copy').path, 'oci');
    await runOk(['cp', '-r', store.layout, layout]);
  });

  async function resolve(
    reference?: string,
    options: {
      path?: string;
      platform?: typeof here | { os: string; architecture: string };
      bases?: 'look-up';
    } = {},
  ) {
    const warnings: BuildEvent[] = [];
    await using store = await openStore(join(tempFolder('root').path, 'store'));
    await using lease = await store.lease();
    const resolver = layoutResolver({
      store,
      lease,
      emit: (event) => warnings.push(event),
      bases: options.bases ?? 'pull',
    });
    const base = await resolver({ path: options.path ?? layout, reference }, options.platform ?? here);
    const stored = await Promise.all(base.layers.map(({ digest }) => store.blobs.stat(digest)));
    return { base, stored, warnings };
  }

  it('L-222 gives the image of a tag, of a digest, or the latest', async () => {
    expect((await resolve('2')).base.digest).toBe(two.manifest.digest);
    expect((await resolve(one.manifest.digest)).base.digest).toBe(one.manifest.digest);
    const latest = await resolve();
    expect(latest.base).toMatchObject({ digest: one.manifest.digest, name: `oci-layout://${layout}` });
    expect(latest.stored).toEqual([{ size: one.layers[0]?.descriptor.size }]);
    expect(latest.warnings).toEqual([]);
  });

  it('L-222 gives its only image without a name', async () => {
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    index.manifests = index.manifests.filter(({ digest }) => digest === two.manifest.digest);
    writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
    expect((await resolve()).base.digest).toBe(two.manifest.digest);
    await expect(resolve('3')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    // What the index does not list may be asked for by its digest.
    expect((await resolve(one.manifest.digest)).base.digest).toBe(one.manifest.digest);
  });

  it('L-222 gives the image of the platform, from the index or from one inside it', async () => {
    const store = await openStore(join(tempFolder('other').path, 'store'));
    const platform = { os: 'linux', architecture: 's390x' };
    const other = await makeTinyImage(store, { layers: [{ file: '3' }], platform });
    await runOk(['cp', '-rn', `${store.layout}/blobs`, layout]);
    await store[Symbol.asyncDispose]();
    const manifests = [
      { ...two.manifest, platform: here },
      { ...other.manifest, platform },
      { ...one.manifest, platform: { os: 'unknown', architecture: 'unknown' } },
    ];
    const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
    const digest = digestOf(index);
    writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), index);
    const outer = {
      schemaVersion: 2,
      manifests: [{ mediaType: mediaTypes.index, digest, size: index.length }],
    };
    for (const text of [index, JSON.stringify(outer)]) {
      writeFileSync(join(layout, 'index.json'), text);
      expect((await resolve(undefined, { platform })).base.digest).toBe(other.manifest.digest);
      expect((await resolve()).base.digest).toBe(two.manifest.digest);
      await expect(
        resolve(undefined, { platform: { os: 'plan9', architecture: 'mips' } }),
      ).rejects.toMatchObject({
        code: 'PLATFORM_MISMATCH',
      });
    }
  });

  it('L-222 is only looked at where nothing will run', async () => {
    expect((await resolve('2', { bases: 'look-up' })).stored).toEqual([undefined]);
  });

  it('L-105 for another platform comes with a warning', async () => {
    const { warnings } = await resolve('2', { platform: { os: 'linux', architecture: 's390x' } });
    expect(warnings).toMatchObject([
      { type: 'warning', message: expect.stringContaining('linux/s390x') as string },
    ]);
  });

  it.each([
    ['that is none', () => tempFolder('empty').path, undefined, 'IMAGE_NOT_FOUND'],
    ['that is not there', () => '/no/such', undefined, 'IMAGE_NOT_FOUND'],
    ['without the tag', () => layout, 'none', 'IMAGE_NOT_FOUND'],
    ['without the digest', () => layout, digestOf('none'), 'IMAGE_NOT_FOUND'],
  ])('L-222 %s is told', async (_name, path, reference, code) => {
    await expect(resolve(reference, { path: path() })).rejects.toMatchObject({ code });
  });

  it('L-222 with a changed manifest, config or layer is refused', async () => {
    const blob = (digest: string): string => join(layout, 'blobs', digest.replace(':', '/'));
    for (const digest of [two.layers[0]?.descriptor.digest ?? '', two.id, two.manifest.digest]) {
      appendFileSync(blob(digest), ' ');
      await expect(resolve('2')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    }
  });

  it('L-222 without a blob, or with something else in its place, is refused', async () => {
    const blob = join(layout, 'blobs', (two.layers[0]?.descriptor.digest ?? '').replace(':', '/'));
    rmSync(blob);
    await expect(resolve('2')).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    symlinkSync('/dev/zero', blob);
    await expect(resolve('2')).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    rmSync(blob);
    symlinkSync('/etc/passwd', blob);
    await expect(resolve('2')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('L-222 is a base, and a source of files', async () => {
    requires('root', 'overlay');
    const context = makeContext({ Dockerfile: 'FROM base\nCOPY --from=other /file /copied\n' });
    const namedContexts = [`base=oci-layout://${layout}:2`, `other=oci-layout://${layout}`].map(
      parseBuildContext,
    );
    const image = await built({ context, namedContexts });
    expect(treeLines(await image.tree()).map((line) => line.split(' ')[0])).toEqual(['copied', 'file']);
  });
});
