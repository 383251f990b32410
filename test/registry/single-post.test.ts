import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { Digest } from '../../src/core/index.ts';
import { pushImage } from '../../src/image/index.ts';
import { mediaTypes, parseReference } from '../../src/oci/index.ts';
import { pullImage, pushContent } from '../../src/registry/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { memoryRegistry, type MemoryRegistry } from '../support/memory-registry.ts';
import { requires } from '../support/requires.ts';
import { sharedRegistry } from '../support/shared-registry.ts';
import { makeTinyImage, tinyTar } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

const retry = { tries: 3, first: 1, longest: 5, patience: 2000 };
const noise = Array.from({ length: 12_000 }, (_, n) => Math.imul(n, 2654435761).toString(36)).join('');

/** Pushes an image and pulls it back; the layers go as they are, one after the other. */
async function roundTrip(registry: { readonly host: string }, layers: readonly Record<string, string>[]) {
  await withStore(async (store) => {
    const name = `${registry.host}/app:1`;
    const made = await makeTinyImage(store, { name, layers });
    await pushImage(store, name, { retry, form: { compression: 'none' } });
    await withStore(async (other) => expect((await pullImage(other, name, { retry })).id).toBe(made.id));
  });
}

function uploads(registry: MemoryRegistry): readonly string[] {
  return registry.said().flatMap((line) => {
    const [, method, query = ''] =
      /^(POST|PATCH|PUT) app\/blobs\/uploads\/(?:ID)?(\?digest)?/.exec(line) ?? [];
    return method === undefined ? [] : [method + query];
  });
}

describe('a small blob', () => {
  it('end-4b goes in one request to a registry that takes it so, a large one as ever', async () => {
    await using registry = await memoryRegistry();
    await roundTrip(registry, [{ hello: 'hi\n' }, { noise }]);
    expect(uploads(registry).toSorted()).toEqual(['POST', 'POST?digest', 'POST?digest', 'PUT?digest']);
  });

  it('end-4b a registry that begins a session is not asked again: not one request more than without', async () => {
    await using registry = await memoryRegistry({ wholePost: 'session' });
    await withStore(async (store) => {
      // The config and the manifest follow the only layer.
      const { manifest } = await makeTinyImage(store, { name: `${registry.host}/app:1` });
      const bytes = Buffer.from('{}');
      const digest = digestAs('sha256', bytes);
      const layer = digestAs('sha256', tinyTar({ hello: 'hi\n' }));
      await pushContent(
        parseReference(`${registry.host}/app:1`),
        {
          layers: [blobLayer(layer, tinyTar({ hello: 'hi\n' }))],
          config: async () => blobOf(digest, bytes),
          manifest: () => ({ bytes, mediaType: manifest.mediaType }),
          mountRepositories: [],
        },
        { retry },
      );
    });
    expect(uploads(registry)).toEqual(['POST?digest', 'PUT?digest', 'POST', 'PUT?digest']);
  });

  it('end-4b a registry or a proxy that wants no bytes there gets the usual requests', async () => {
    await using registry = await memoryRegistry({ wholePost: 'refuses' });
    await roundTrip(registry, [{ hello: 'hi\n' }]);
    expect(uploads(registry)).toContain('PUT?digest');
  });

  it('end-4b another digest than that of what was sent is not believed', async () => {
    await using registry = await memoryRegistry({ claims: `sha256:${'0'.repeat(64)}` });
    await expect(roundTrip(registry, [{ hello: 'hi\n' }])).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('end-4b G-32 an answer that was lost: the registry is asked whether it has the blob', async () => {
    await using registry = await memoryRegistry();
    let lost = 0;
    await using proxy = await startFaultProxy(registry.host, async (request) => {
      if (request.method !== 'POST' || lost > 0) return false;
      lost += 1;
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      await fetch(`http://${registry.host}${request.url ?? ''}`, {
        method: 'POST',
        body: Buffer.concat(chunks),
      });
      request.socket.destroy();
      return true;
    });
    await roundTrip(proxy, [{ hello: 'hi\n' }]);
    expect(registry.blobs.size).toBe(2);
  });
});

describe('digests of another algorithm', () => {
  it('end-4c sha512: manifests by digest, configs and layers are verified, unpacked and sent on as they are', async () => {
    await using registry = await memoryRegistry();
    const { digest, id } = sha512Image(registry);
    const name = `${registry.host}/app@${digest}`;
    await withStore(async (store) => {
      expect((await pullImage(store, name, { retry })).id).toBe(id);
      const copy = `${registry.host}/copy:1`;
      const target = {
        mediaType: mediaTypes.manifest,
        digest,
        size: registry.manifests.get(`app@${digest}`)?.body.length ?? 0,
      };
      await store.refs.set({ name: copy, target });
      registry.blobs.clear();
      await pushImage(store, copy, { retry, chunk: 512 });
      expect([...registry.blobs.keys()].every((one) => one.startsWith('sha512:'))).toBe(true);
      expect(registry.said().some((line) => line.endsWith('digest-algorithm=sha512'))).toBe(true);
      await withStore(async (other) => expect((await pullImage(other, copy, { retry })).id).toBe(id));
    });
  });

  it('end-4b end-4c sha512: a session that comes in answer to a small blob was told the algorithm, too', async () => {
    await using registry = await memoryRegistry({ wholePost: 'session' });
    const bytes = Buffer.from('{}');
    const digest = digestAs('sha512', bytes);
    await pushContent(
      parseReference(`${registry.host}/app:1`),
      {
        layers: [],
        config: blobOf(digest, bytes),
        manifest: () => ({ bytes, mediaType: mediaTypes.manifest }),
        mountRepositories: [],
      },
      { retry },
    );
    expect([...registry.blobs.keys()]).toEqual([digest]);
    const begun = registry.said().filter((line) => line.startsWith('POST'));
    expect(begun).toEqual([expect.stringMatching(/[?&]digest=.*&digest-algorithm=sha512$/)]);
  });

  it('end-4c sha512: a blob that was changed is refused', async () => {
    await using registry = await memoryRegistry();
    const { digest, layer } = sha512Image(registry);
    const bytes = Buffer.from(registry.blobs.get(layer) ?? '');
    bytes[600] = 1;
    registry.blobs.set(layer, bytes);
    await withStore(async (store) => {
      const pulling = pullImage(store, `${registry.host}/app@${digest}`, { retry });
      await expect(pulling).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    });
  });
});

describe('Debian’s registry', () => {
  requires('tool:docker-registry', 'tool:skopeo');
  const debian = sharedRegistry();

  it('end-4b answers with a session, which takes the blob', async () => {
    const answers: string[] = [];
    await using proxy = await startFaultProxy(debian.host, (request) => {
      answers.push(`${request.method ?? ''} ${request.url ?? ''}`);
      return false;
    });
    await roundTrip(proxy, [{ hello: 'hi\n' }]);
    expect(answers.filter((line) => line.startsWith('PUT') && line.includes('/blobs/'))).toHaveLength(2);
  });
});

/** An image of which all is named by sha512, as its registry has it. */
function sha512Image(registry: MemoryRegistry): { digest: Digest; id: Digest; layer: Digest } {
  const put = (bytes: Buffer, mediaType: string) => {
    const digest = digestAs('sha512', bytes);
    registry.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const tar = tinyTar({ hello: 'hi\n' });
  const layer = put(tar, mediaTypes.layer);
  const config = put(
    Buffer.from(
      JSON.stringify({
        ...{ architecture: 'amd64', os: 'linux', config: {} },
        rootfs: { type: 'layers', diff_ids: [digestAs('sha256', tar)] },
      }),
    ),
    mediaTypes.config,
  );
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] };
  const body = Buffer.from(JSON.stringify(manifest));
  const digest = digestAs('sha512', body);
  registry.manifests.set(`app@${digest}`, { body, type: mediaTypes.manifest });
  return { digest, id: config.digest, layer: layer.digest };
}

function digestAs(algorithm: 'sha256' | 'sha512', bytes: Uint8Array): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}

function blobOf(digest: Digest, bytes: Buffer) {
  const read = async function* (start: number, end: number) {
    yield await Promise.resolve(bytes.subarray(start, end));
  };
  return { digest, size: bytes.length, read };
}

function blobLayer(digest: Digest, bytes: Buffer) {
  const descriptor = { mediaType: mediaTypes.layer, digest, size: bytes.length };
  return {
    known: undefined,
    prepare: () => Promise.resolve({ descriptor, source: blobOf(digest, bytes) }),
    mounts: () => [],
  };
}
