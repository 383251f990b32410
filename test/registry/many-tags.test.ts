import { expect, it } from 'vitest';

import { pushImage } from '../../src/image/index.ts';
import {
  memoryRegistry,
  type MemoryRegistry,
  type MemoryRegistryOptions,
} from '../support/memory-registry.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

const retry = { tries: 3, first: 1, longest: 5, patience: 2000 };

it.each<[how: string, options: MemoryRegistryOptions, puts: readonly string[]]>([
  ['in one request where the registry says that it did', {}, ['DIGEST?tag=1&tag=1.2&tag=latest']],
  [
    'one by one where it does not',
    { manyTags: 'ignores' },
    ['DIGEST?tag=1&tag=1.2&tag=latest', '1', '1.2', 'latest'],
  ],
  [
    'one by one where it wants none of it',
    { manyTags: 'refuses' },
    ['DIGEST?tag=1&tag=1.2&tag=latest', '1', '1.2', 'latest'],
  ],
])('end-7b several tags go %s', async (_how, options, puts) => {
  await using registry = await memoryRegistry(options);
  await withStore(async (store) => {
    const name = `${registry.host}/app:1`;
    const { manifest } = await makeTinyImage(store, { name });
    const form = { compression: 'none' } as const;
    await pushImage(store, name, { retry, form, moreTags: ['1.2', 'latest', '1'] });
    for (const tag of ['1', '1.2', 'latest'])
      expect(registry.manifests.get(`app:${tag}`)?.body.length).toBe(manifest.size);
    expect(putsOf(registry)).toEqual(puts);
  });
});

it('end-7b more tags than a registry need take at once go in several requests', async () => {
  await using registry = await memoryRegistry();
  await withStore(async (store) => {
    const name = `${registry.host}/app:0`;
    await makeTinyImage(store, { name });
    const moreTags = Array.from({ length: 11 }, (_, n) => String(n + 1));
    await pushImage(store, name, { retry, form: { compression: 'none' }, moreTags });
    for (const tag of moreTags) expect(registry.manifests.has(`app:${tag}`)).toBe(true);
    const first = ['0', ...moreTags.slice(0, 9)].map((tag) => `tag=${tag}`);
    expect(putsOf(registry)).toEqual([`DIGEST?${first.join('&')}`, 'DIGEST?tag=10&tag=11']);
  });
});

function putsOf(registry: MemoryRegistry): readonly string[] {
  const said = registry.said().flatMap((line) => /^PUT app\/manifests\/(.*)/.exec(line)?.[1] ?? []);
  return said.map((one) => one.replace(/^sha256:[0-9a-f]+/, 'DIGEST'));
}
