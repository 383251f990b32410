import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { mediaTypes } from '../../src/oci/index.ts';
import { pullImage } from '../../src/registry/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage, tinyTar } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry', 'tool:skopeo');

const retry = { tries: 2, first: 1, longest: 5, patience: 100 };
const platform = { os: 'linux', architecture: 'amd64' };
let registry: TestRegistry;
beforeAll(async () => {
  using folder = tempFolder('foreign');
  registry = await startRegistry(join(folder.path, 'r'));
});
afterAll(async () => registry[Symbol.asyncDispose]());

describe('a layer that says it is elsewhere', () => {
  it.each(['present', 'missing'])(
    'G-41 S-60 its URLs are not asked, with or without credentials: in the registry it is %s',
    async (where) => {
      await using elsewhere = await startFaultProxy(undefined, (_request, response) => {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="give me"' }).end();
        return true;
      });
      await withStore(async (store) => {
        const files = { hello: 'hi\n' };
        const made = await makeTinyImage(store, {
          name: 'docker.io/library/app:latest',
          layers: [files],
          compression: 'gzip',
        });
        await registry.push(store, 'app:latest', 'foreign/app:1');
        const [layer] = made.layers;
        const other = gzipSync(tinyTar(files), { level: 1 });
        const absent = { digest: digestOf(Buffer.concat([other, Buffer.from('x')])), size: other.length + 1 };
        const body = JSON.stringify({
          schemaVersion: 2,
          mediaType: mediaTypes.dockerManifest,
          config: {
            mediaType: mediaTypes.dockerConfig,
            digest: made.id,
            size: (await store.blobs.stat(made.id))?.size,
          },
          layers: [
            {
              mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
              ...(where === 'present'
                ? { digest: layer?.descriptor.digest, size: layer?.descriptor.size }
                : absent),
              urls: [`http://${elsewhere.host}/layer`],
            },
          ],
        });
        // The registry itself refuses what it lacks: a server before it says that it has it.
        await using proxy = await startFaultProxy(registry.host, (request, response) => {
          if (request.url?.includes('/manifests/') !== true) return false;
          response.writeHead(200, { 'content-type': mediaTypes.dockerManifest }).end(body);
          return true;
        });
        const pulling = withStore(async (fresh) =>
          pullImage(fresh, `${proxy.host}/foreign/app:1`, { retry, platform }),
        );
        if (where === 'present') expect((await pulling).id).toBe(made.id);
        else await expect(pulling).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
        expect(elsewhere.seen).toEqual([]);
      });
    },
  );
});
