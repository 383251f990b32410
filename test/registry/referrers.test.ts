import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { mediaTypes, parseManifest, parseReference, type Descriptor } from '../../src/oci/index.ts';
import {
  fallbackTag,
  listReferrers,
  packReferrer,
  pushManifest,
  pushReferrer,
  readRepository,
  type ReferrerArtifact,
} from '../../src/registry/index.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry', 'tool:skopeo');

const retry = { tries: 3, first: 1, longest: 5, patience: 100 };
let registry: TestRegistry;
let subject: Descriptor;

beforeAll(async () => {
  using folder = tempFolder('referrers');
  registry = await startRegistry(join(folder.path, 'r'));
  await withStore(async (store) => {
    const image = await makeTinyImage(store, { name: 'docker.io/library/app:latest' });
    subject = image.manifest;
    for (const name of ['app', 'many', 'api']) await registry.push(store, 'app:latest', `team/${name}:1`);
  });
});

afterAll(async () => registry[Symbol.asyncDispose]());

const artifact = (text: string, artifactType = 'application/vnd.test+json'): ReferrerArtifact => ({
  artifactType,
  layers: [{ mediaType: 'text/plain', bytes: Buffer.from(text) }],
  annotations: { 'org.example.what': text },
});

describe('a registry without a list of referrers', () => {
  it('G-42 keeps them under the fallback tag, once each, and lists them', async () => {
    const repository = parseReference(`${registry.host}/team/app:1`);
    expect(await listReferrers(repository, subject.digest, { retry })).toEqual([]);
    const one = await pushReferrer({ repository, descriptor: subject }, artifact('one'), { retry });
    const two = await pushReferrer({ repository, descriptor: subject }, artifact('two', 'a/b'), { retry });
    const again = await pushReferrer({ repository, descriptor: subject }, artifact('one'), { retry });
    expect(one.listedBy).toBe('tag');
    expect(again).toEqual(one);
    const listed = await listReferrers(repository, subject.digest, { retry });
    expect(listed).toEqual([one.descriptor, two.descriptor]);
    expect(listed[0]).toMatchObject({
      artifactType: 'application/vnd.test+json',
      annotations: { 'org.example.what': 'one' },
    });
    expect(await listReferrers(repository, subject.digest, { retry, artifactType: 'a/b' })).toEqual([
      two.descriptor,
    ]);
    const read = await readRepository(repository, { retry }, async (open) => {
      const { parsed } = await open.manifest(two.descriptor.digest);
      if (parsed.kind !== 'manifest') throw new Error('an index');
      const layer = parsed.manifest.layers[0]!;
      return { manifest: parsed.manifest, text: (await open.bytes(layer, 100)).toString() };
    });
    expect(read.text).toBe('two');
    expect(read.manifest.subject).toEqual(subject);
    // The image itself is what it was.
    const image = await readRepository(repository, { retry }, async (open) => open.manifest());
    expect(image.descriptor.digest).toBe(subject.digest);
  });

  it('G-42 what was overwritten by another is added again', async () => {
    const descriptor = subject;
    let overwritten = false;
    await using proxy = await startFaultProxy(registry.host, async (request, response) => {
      if (!isTag(request) || request.method !== 'PUT' || overwritten) return false;
      overwritten = true;
      // Ours is a success, and right after it another's takes its place.
      const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] };
      await registry.putManifest('team/many', fallbackTag(descriptor.digest), {
        mediaType: mediaTypes.index,
        body: JSON.stringify(index),
      });
      request.resume();
      response.writeHead(201).end();
      return true;
    });
    const repository = parseReference(`${proxy.host}/team/many:1`);
    const pushed = await pushReferrer({ repository, descriptor }, artifact('ours'), { retry });
    expect(await listReferrers(repository, descriptor.digest, { retry })).toEqual([pushed.descriptor]);
  });
});

const isTag = (request: IncomingMessage): boolean => request.url?.includes('/manifests/sha256-') === true;

/** The registry with OCI 1.1's list before it: one referrer a page. */
async function startModern(options: { readonly filters: boolean }): Promise<FaultProxy> {
  const manifests: Descriptor[] = [];
  return startFaultProxy(registry.host, async (request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    if (url.pathname.includes('/referrers/')) {
      const wanted = url.searchParams.get('artifactType');
      const fitting = manifests.filter((one) => !options.filters || !wanted || one.artifactType === wanted);
      const at = Number(url.searchParams.get('at') ?? 0);
      url.searchParams.set('at', String(at + 1));
      response.writeHead(200, {
        'content-type': mediaTypes.index,
        ...(at + 1 < fitting.length ? { link: `<${url.pathname}${url.search}>; rel="next"` } : {}),
      });
      response.end(JSON.stringify({ schemaVersion: 2, manifests: fitting.slice(at, at + 1) }));
      return true;
    }
    if (request.method !== 'PUT' || !url.pathname.includes('/manifests/')) return false;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const mediaType = request.headers['content-type'] ?? '';
    const headers = { 'content-type': mediaType };
    const stored = await fetch(`http://${registry.host}${url.pathname}`, { method: 'PUT', headers, body });
    const { artifactType, annotations, subject: of } = parseManifest(body);
    manifests.push({ mediaType, digest: digestOf(body), size: body.length, artifactType, annotations });
    response.writeHead(stored.status, { 'oci-subject': of?.digest }).end();
    return true;
  });
}

describe('a registry that lists referrers', () => {
  it.each([{ filters: true }, { filters: false }])(
    'end-12a end-12b G-42 is asked, page by page: %j',
    async (options) => {
      await using modern = await startModern(options);
      const repository = parseReference(`${modern.host}/team/api:1`);
      const target = { repository, descriptor: subject };
      const one = await pushReferrer(target, artifact('one'), { retry });
      const two = await pushReferrer(target, artifact('two', 'a/b'), { retry });
      const three = await pushReferrer(target, artifact('three'), { retry });
      expect(one.listedBy).toBe('registry');
      const all = await listReferrers(repository, subject.digest, { retry });
      expect(all).toEqual([one, two, three].map(({ descriptor }) => descriptor));
      const some = await listReferrers(repository, subject.digest, { retry, artifactType: 'a/b' });
      expect(some).toEqual([two.descriptor]);
      expect(modern.seen.filter(({ path }) => path.includes('/manifests/sha256-'))).toEqual([]);
    },
  );

  it('G-42 endless pages are stopped, and those of another host are not asked for', async () => {
    await using other = await startFaultProxy(undefined, () => false);
    let link = '';
    await using proxy = await startFaultProxy(undefined, (_request, response) => {
      response.writeHead(200, { 'content-type': mediaTypes.index, link });
      response.end(JSON.stringify({ schemaVersion: 2, manifests: [] }));
      return true;
    });
    const repository = parseReference(`${proxy.host}/team/api:1`);
    link = `<http://${other.host}/v2/>; rel="next"`;
    expect(await listReferrers(repository, subject.digest, { retry })).toEqual([]);
    expect(other.seen).toEqual([]);
    link = '</v2/again>; rel="next"';
    await expect(listReferrers(repository, subject.digest, { retry })).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringContaining('too many pages') as string,
    });
  });
});

it('the manifest of an artifact: the same bytes, an empty config, a layer in any case', () => {
  const packed = packReferrer(subject, { artifactType: 'a/b', layers: [] });
  expect(packReferrer(subject, { artifactType: 'a/b', layers: [] }).bytes).toEqual(packed.bytes);
  const manifest = parseManifest(packed.bytes);
  expect(manifest.layers).toEqual([manifest.config]);
  expect(manifest.config.digest).toBe(digestOf('{}'));
  expect(manifest).toMatchObject({ artifactType: 'a/b', subject });
});

describe('a manifest of its own', () => {
  const entry = (): Descriptor => ({ ...subject, platform: { os: 'linux', architecture: 'amd64' } });
  it('end-7a G-30 an index goes under a tag or its digest', async () => {
    const body = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [entry()] };
    const manifest = { bytes: Buffer.from(JSON.stringify(body)), mediaType: mediaTypes.index };
    const digest = digestOf(manifest.bytes);
    const name = `${registry.host}/team/app`;
    expect((await pushManifest(parseReference(`${name}@${digest}`), manifest, { retry })).digest).toBe(
      digest,
    );
    await pushManifest(parseReference(`${name}:all`), manifest, { retry });
    for (const reference of [`${name}:all`, `${name}@${digest}`]) {
      const found = await readRepository(parseReference(reference), { retry }, async (open) =>
        open.manifest(),
      );
      expect(found.descriptor.digest).toBe(digest);
      expect(found.parsed.kind).toBe('index');
    }
    const other = parseReference(`${name}@${digestOf('other')}`);
    await expect(pushManifest(other, manifest, { retry })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('G-30 one that names what is not there is refused by the registry, in words', async () => {
    const missing = { ...entry(), digest: digestOf('missing') };
    const body = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [missing] };
    const manifest = { bytes: Buffer.from(JSON.stringify(body)), mediaType: mediaTypes.index };
    await expect(
      pushManifest(parseReference(`${registry.host}/team/app:bad`), manifest, { retry }),
    ).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringContaining('MANIFEST_BLOB_UNKNOWN') as string,
    });
  });

  it('G-34 a small blob is read whole only within its limit, and verified', async () => {
    const reference = parseReference(`${registry.host}/team/app:1`);
    await readRepository(reference, { retry }, async (open) => {
      const { parsed } = await open.manifest();
      if (parsed.kind !== 'manifest') throw new Error('an index');
      const { config } = parsed.manifest;
      await expect(open.bytes(config, 10)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
      const lie = { ...config, size: config.size - 1 };
      await expect(open.bytes(lie, 10_000)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    });
  });
});
