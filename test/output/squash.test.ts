import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { hostPlatform } from '../../src/oci/index.ts';
import { openStore } from '../../src/store/index.ts';
import { buildTo, type BuiltTo } from '../support/build-to.ts';
import { busyboxName, busyboxTar } from '../support/busybox.ts';
import { tsbuild } from '../support/cli.ts';
import { makeTar } from '../support/make-tar.ts';
import { headersOf } from '../support/read-archive.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';

async function namesIn({ root, image }: BuiltTo, layer: number): Promise<readonly string[]> {
  await using store = await openStore(root);
  const { diffId } = image.layers[layer] ?? { diffId: image.id };
  return (await headersOf(await store.blobs.read(diffId, 64 * 2 ** 20))).map(({ path }) => path);
}

describe('--squash', () => {
  requires('root', 'overlay', 'tool:busybox');

  it('C-26 makes one layer of the new ones: what came and went is in none', async () => {
    const root = tempFolder('root').path;
    const cli = tsbuild(root);
    await cli.ok(['import', await busyboxTar(), busyboxName]);
    const dockerfile = [
      `FROM ${busyboxName}`,
      'RUN mkdir /d && echo secret > /d/secret && echo 1 > /d/kept && rm -r /etc/group',
      'RUN rm /d/secret && echo 2 > /d/kept',
      'ENV a=b',
      'RUN ln /d/kept /d/again && mkdir /empty',
    ].join('\n');
    const plain = await buildTo({ root, dockerfile, to: ['type=image'] });
    expect(plain.image.layers).toHaveLength(4);
    const squashed = await buildTo({
      root,
      dockerfile,
      shape: { squash: 'new' },
      tags: ['sq'],
      to: ['type=image'],
    });
    expect(squashed.image.layers.map(({ diffId }) => diffId)).toEqual([
      plain.image.layers[0]?.diffId,
      squashed.image.layers[1]?.diffId,
    ]);
    expect(await namesIn(squashed, 1)).toEqual(['d', 'd/again', 'd/kept', 'empty', 'etc', 'etc/.wh.group']);
    expect(
      squashed.image.config.history?.map(({ created_by = '', comment, empty_layer }) => [
        created_by.slice(0, 8),
        empty_layer === true ? '' : (comment ?? ''),
      ]),
    ).toEqual([
      ['', expect.stringContaining('Imported') as string],
      ['RUN /bin', ''],
      ['RUN /bin', ''],
      ['ENV a=b', ''],
      ['RUN /bin', ''],
      ['', '3 layers made one'],
    ]);
    expect(
      await cli.ok(['run', '--rm', 'sq', 'sh', '-c', 'cat /d/again; ls /d; ls /etc/group 2>&1 || true']),
    ).toMatch(/^2\nagain\nkept\nls: .*group/);
    // Nothing runs, and the image is the same one.
    const again = await buildTo({ root, dockerfile, shape: { squash: 'new' }, to: ['type=image'] });
    expect(again.image.id).toBe(squashed.image.id);
    expect(again.steps.every(({ status }) => status === 'cached')).toBe(true);
  });

  it('C-26 all: the layers of the base, too', async () => {
    const root = tempFolder('root').path;
    const base = makeTar([
      { path: 'a', body: '1' },
      { path: 'b', body: '2' },
    ]);
    const dockerfile = 'FROM scratch AS base\nADD base.tar /\nFROM base\nCOPY a /c\nCOPY a /a\n';
    const all = await buildTo({
      root,
      dockerfile,
      files: { 'base.tar': base, a: 'new' },
      shape: { squash: 'all' },
      to: ['type=image', `type=tar,dest=${join(tempFolder('tar').path, 't')}`],
    });
    expect(all.image.layers).toHaveLength(1);
    expect(await namesIn(all, 0)).toEqual(['a', 'b', 'c']);
  });

  it('C-26 O-34 O-53 of a base that tells nothing of its layers, each step has its own entry and time', async () => {
    const root = join(tempFolder('root').path, 'store');
    {
      await using store = await openStore(root);
      const layers = [{ a: '1' }, { b: '2' }];
      await makeTinyImage(store, {
        name: 'docker.io/library/mute:1',
        platform: hostPlatform(),
        layers,
        history: [],
      });
    }
    const dockerfile = 'FROM mute:1\nCOPY Dockerfile /c\nCOPY Dockerfile /d\n';
    const { image } = await buildTo({ root, dockerfile, to: ['type=image'] });
    const told = image.config.history?.map(({ created, created_by }) => [created_by?.slice(0, 4), created]);
    const created = expect.stringMatching(/^2\d/) as string;
    const none = [undefined, undefined];
    expect(told).toEqual([none, none, ['COPY', created], ['COPY', created]]);
    expect(image.config.created).toEqual(created);
    const squashed = await buildTo({ root, dockerfile, shape: { squash: 'new' }, to: ['type=image'] });
    const entries = squashed.image.config.history?.map(({ created_by, comment, empty_layer = false }) => [
      created_by?.slice(0, 4) ?? comment,
      empty_layer,
    ]);
    expect(entries).toEqual([
      [undefined, false],
      [undefined, false],
      ['COPY', true],
      ['COPY', true],
      ['2 layers made one', false],
    ]);
  });

  it('C-26 of one layer, or of none, is the image as it is', async () => {
    const root = tempFolder('root').path;
    for (const dockerfile of ['FROM scratch\nCOPY Dockerfile /\n', 'FROM scratch\nLABEL a=b\n']) {
      const plain = await buildTo({ root, dockerfile, to: ['type=image'] });
      const same = await buildTo({ root, dockerfile, shape: { squash: 'all' }, to: ['type=image'] });
      expect(same.image.layers).toHaveLength(plain.image.layers.length);
    }
  });
});
