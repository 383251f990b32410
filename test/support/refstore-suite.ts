import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/core/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import type { Ref, RefStore } from '../../src/store/index.ts';

export interface RefStoreWorld extends AsyncDisposable {
  readonly refs: RefStore;
}

/** The contract of every RefStore; calls every method. */
export function describeRefStore(name: string, makeWorld: () => Promise<RefStoreWorld>): void {
  describe(`RefStore: ${name}`, () => {
    const ref = (name: string, content = 'x'): Ref => ({
      name,
      target: { mediaType: mediaTypes.manifest, digest: digestOf(content), size: content.length },
    });
    const app = 'docker.io/library/app:latest';

    it('sets, replaces, lists in order and deletes', async () => {
      await using world = await makeWorld();
      const { refs } = world;
      expect(await refs.list()).toEqual([]);
      expect(await refs.get(app)).toBeUndefined();
      expect(await refs.delete(app)).toBe(false);

      await refs.set(ref(app, 'one'));
      await refs.set(ref('quay.io/a/b:2'));
      await refs.set(ref('docker.io/library/app:1'));
      await refs.set(ref(app, 'two'));
      await refs.set(ref(app, 'two'));
      expect(await refs.get(app)).toEqual(ref(app, 'two'));
      expect((await refs.list()).map((found) => found.name)).toEqual([
        'docker.io/library/app:1',
        app,
        'quay.io/a/b:2',
      ]);

      expect(await refs.delete(app)).toBe(true);
      expect(await refs.delete(app)).toBe(false);
      expect(await refs.get(app)).toBeUndefined();
      expect(await refs.list()).toHaveLength(2);
    });

    it('keeps the whole descriptor', async () => {
      await using world = await makeWorld();
      const full: Ref = {
        name: app,
        target: {
          ...ref(app).target,
          platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
          annotations: { a: 'b' },
        },
      };
      await world.refs.set(full);
      expect(await world.refs.get(app)).toEqual(full);
    });

    it('takes every name that a reference can have', async () => {
      await using world = await makeWorld();
      const names = [
        `quay.io/${'a/'.repeat(120)}a:${'x'.repeat(128)}`,
        `quay.io/${'a/'.repeat(120)}a:${'x'.repeat(127)}y`,
        '[::1]:5000/app:latest',
        'localhost:5000/a__b/c---d:x_Y.z',
        `docker.io/library/app:1@${digestOf('x')}`,
        `docker.io/library/app@${digestOf('x')}`,
      ];
      for (const name of names) await world.refs.set(ref(name, name));
      for (const name of names) expect(await world.refs.get(name)).toEqual(ref(name, name));
      expect(await world.refs.list()).toHaveLength(names.length);
    });

    it.each([
      '',
      'app',
      'app:latest',
      'docker.io/app:latest',
      '../../etc/passwd',
      'docker.io/library/app',
      'a\0b',
      'docker.io/library/../app:x',
    ])('S-43 refuses %j, which is no name in full', async (name) => {
      await using world = await makeWorld();
      const refused = { code: 'REFERENCE_INVALID' };
      await expect(world.refs.get(name)).rejects.toMatchObject(refused);
      await expect(world.refs.set(ref(name))).rejects.toMatchObject(refused);
      await expect(world.refs.delete(name)).rejects.toMatchObject(refused);
      expect(await world.refs.list()).toEqual([]);
    });

    it('making the index anew changes no name', async () => {
      await using world = await makeWorld();
      await world.refs.set(ref('docker.io/library/app:latest'));
      await world.refs.reindex();
      expect(await world.refs.list()).toEqual([ref('docker.io/library/app:latest')]);
    });

    it('S-71 changes at the same time all arrive', async () => {
      await using world = await makeWorld();
      const names = Array.from({ length: 20 }, (_, index) => `docker.io/library/app${index}:latest`);
      await Promise.all(names.map((name) => world.refs.set(ref(name))));
      await Promise.all(names.slice(10).map((name) => world.refs.delete(name)));
      expect((await world.refs.list()).map((found) => found.name)).toEqual(names.slice(0, 10));
    });
  });
}
