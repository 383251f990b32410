import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { openImage, packImage } from '../../src/image/index.ts';
import { buildTo } from '../support/build-to.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

/** More than any writer takes at once. */
const many = makeTar(
  Array.from({ length: 400 }, (_, n) => ({ path: `d${n % 40}/f${n}`, body: 'x'.repeat(5000) })),
);
const image = { dockerfile: 'FROM scratch\nADD many.tar /\n', files: { 'many.tar': many } };

/** Aborted from the moment on when that is so; whoever asks looks anew. */
function signalWhen(isSo: () => boolean): AbortSignal {
  return Object.defineProperty(new AbortController().signal, 'aborted', { get: isSo });
}

function filesIn(folder: string): readonly { readonly name: string; readonly size: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => ({ name, size: statSync(join(parentPath, name)).size }));
}

describe('an output that is stopped in the middle', () => {
  requires('root', 'overlay');
  let root: string;
  beforeAll(async () => {
    ({ root } = await buildTo({ ...image, to: ['type=cacheonly'] }));
  });

  it.each([
    ['a folder that was not there', '{}/out'],
    ['a tar', 'type=tar,dest={}/t.tar'],
    ['a docker archive', 'type=docker,dest={}/d.tar'],
  ])('S-73 O-04 O-05 leaves nothing: %s', async (_what, to) => {
    const { path } = tempFolder('output');
    const signal = signalWhen(() => filesIn(path).some(({ size }) => size > 0));
    await expect(buildTo({ ...image, root, signal, to: [to] }, path)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(readdirSync(path)).toEqual([]);
  });

  it('S-73 O-04 leaves whole files in a folder that was there', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'out'));
    writeFileSync(join(path, 'out/own'), 'own');
    const signal = signalWhen(() => filesIn(path).length > 3);
    const building = buildTo({ ...image, root, signal, to: ['{}/out'] }, path);
    await expect(building).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const files = filesIn(path);
    expect(files.filter(({ name }) => !/^(own|f\d+)$/.test(name))).toEqual([]);
    expect(files.filter(({ name, size }) => name !== 'own' && size !== 5000)).toEqual([]);
    expect(files.length).toBeGreaterThan(1);
  });

  it('S-73 while layers are packed', async () => {
    await withStore(async (store) => {
      const { manifest } = await makeTinyImage(store);
      await using folder = await store.tempDir();
      const packing = packImage(store, await openImage(store, manifest), {
        folder: folder.path,
        signal: AbortSignal.abort(),
      });
      await expect(packing).rejects.toMatchObject({ code: 'INTERRUPTED' });
    });
  });
});
