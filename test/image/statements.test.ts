import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  keepAttestations,
  keptAttestations,
  remoteStatements,
  type Attestation,
} from '../../src/image/index.ts';
import { pushAttestations } from '../../src/image/attestations/push.ts';
import { parsePlatform, parseReference } from '../../src/oci/index.ts';
import { pullImage } from '../../src/registry/index.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

describe('what is said of an image', () => {
  requires('tool:docker-registry', 'tool:skopeo');
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('registry').path, 'r'));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const saying = (predicate: string): Attestation => ({
    ...{ predicateType: 'https://example.org/says', filename: 'says.json' },
    predicate,
  });

  it('O-82 stays with the image when the same image is pulled', async () => {
    await withStore(async (store) => {
      const image = await makeTinyImage(store, { name: 'docker.io/library/app:latest' });
      await registry.push(store, 'app:latest', 'kept:1');
      const said = [saying('one')];
      await keepAttestations(store, image.id, said);
      expect((await pullImage(store, `${registry.host}/kept:1`)).id).toBe(image.id);
      expect(await keptAttestations(store, image.id)).toEqual(said);
    });
  });

  it('O-83 is read from a registry up to a size, however many statements there are', async () => {
    const name = parseReference(`${registry.host}/said:1`);
    const manifest = await withStore(async (store) => {
      const image = await makeTinyImage(store, { name: 'docker.io/library/app:latest' });
      await registry.push(store, 'app:latest', 'said:1');
      return image.manifest;
    });
    for (const text of ['one', 'two']) {
      const attestations = [saying(text.repeat(1000))];
      const said = { attestations, names: [], platform: parsePlatform('linux/amd64') };
      await pushAttestations(name, manifest, said);
    }
    expect(await remoteStatements(name, {}, 10_000)).toHaveLength(2);
    await expect(remoteStatements(name, {}, 5000)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
  });
});
