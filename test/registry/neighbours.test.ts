import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestParts } from '../../src/core/index.ts';
import { pushImage, remoteStatements } from '../../src/image/index.ts';
import { parseReference, type Descriptor } from '../../src/oci/index.ts';
import { pushReferrer, type ReferrerArtifact } from '../../src/registry/index.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

describe('what is damaged or gone beside an image', () => {
  requires('tool:docker-registry');
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('neighbours').path, 'r'));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it('G-30 another image of the store that is damaged keeps nobody from a push', async () => {
    await withStore(async (store) => {
      const [one, other] = ['one', 'other'].map((name) => `${registry.host}/team/${name}:1`) as [
        string,
        string,
      ];
      const damaged = await makeTinyImage(store, { name: other, layers: [{ other: 'x' }] });
      await pushImage(store, other);
      const { algorithm, hex } = digestParts(damaged.manifest.digest);
      writeFileSync(join(store.layout, 'blobs', algorithm, hex), 'damaged');
      await makeTinyImage(store, { name: one, layers: [{ one: 'x' }] });
      await expect(pushImage(store, one)).resolves.toMatchObject({
        repoDigest: expect.any(String) as string,
      });
    });
  });

  it('O-82 an attestation that a clean-up of the registry took is none', async () => {
    const name = `${registry.host}/team/attested:1`;
    await withStore(async (store) => {
      await makeTinyImage(store, { name });
      const { manifest } = await pushImage(store, name);
      const repository = parseReference(name);
      const say = (what: string): Promise<{ readonly descriptor: Descriptor }> => {
        const artifact: ReferrerArtifact = {
          artifactType: 'application/vnd.docker.attestation.manifest.v1+json',
          layers: [
            { mediaType: 'application/vnd.in-toto+json', bytes: Buffer.from(JSON.stringify({ what })) },
          ],
        };
        return pushReferrer({ repository, descriptor: manifest }, artifact);
      };
      const { descriptor: gone } = await say('gone');
      await say('kept');
      const url = `http://${registry.host}/v2/team/attested/manifests/${gone.digest}`;
      expect((await fetch(url, { method: 'DELETE' })).status).toBe(202);
      expect(await remoteStatements(repository)).toEqual([{ what: 'kept' }]);
    });
  });
});
