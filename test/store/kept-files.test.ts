import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

const bytes = Buffer.alloc(1_500_000, 'content');
const digest = digestOf(bytes);
const target = { mediaType: 'application/json', digest, size: bytes.length };

/** Ways to put what is there already. */
const puts: readonly (readonly [what: string, put: (store: Store) => Promise<unknown>])[] = [
  ['a blob as a stream', (store) => store.blobs.put(Readable.from([bytes]))],
  ['a blob as bytes', (store) => store.blobs.put(bytes)],
  [
    'the record of an image',
    (store) => store.images.put({ id: digest, manifest: target, added: 'now', repoDigests: [] }),
  ],
  ['a name', (store) => store.refs.set({ name: 'docker.io/library/app:latest', target })],
  ['the index of names', (store) => store.refs.reindex()],
];

/** By path: which file it is, and when it got its name or its content. */
function filesOf(store: Store): readonly string[] {
  return ['oci', 'images', 'refs'].flatMap((folder) =>
    readdirSync(join(store.root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => join(store.root, folder, name))
      .map((path) => ({ path, stat: statSync(path, { bigint: true }) }))
      .filter(({ stat }) => stat.isFile())
      .map(({ path, stat }) => `${path} ${stat.ino} ${stat.ctimeNs}`),
  );
}

describe('S-70 what is on the disk, and may be for long', () => {
  it.each(puts)('is not replaced by its equal, which is not: %s', async (_, put) => {
    using folder = tempFolder('kept');
    await using store = await openStore(folder.path);
    await put(store);
    const before = filesOf(store);
    await put(store);
    expect(filesOf(store)).toEqual(before);
  });
});
