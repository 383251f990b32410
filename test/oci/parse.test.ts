import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import {
  maxManifestBytes,
  mediaTypes,
  parseDockerArchiveManifest,
  parseImageConfig,
  parseIndex,
  parseManifest,
  parseManifestOrIndex,
  parseRuntimeConfig,
} from '../../src/oci/index.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const digest = `sha256:${'a'.repeat(64)}`;
const config = { mediaType: mediaTypes.config, digest, size: 2 };
const layer = { mediaType: mediaTypes.layerGzip, digest, size: 3 };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  mediaType: mediaTypes.index,
  manifests: [{ ...config, mediaType: mediaTypes.manifest }],
};
const imageConfig = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digest] } };

const bytes = (value: unknown): Buffer =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TsbuildError && error.code === 'IMAGE_INVALID') return error.message;
    throw error;
  }
  throw new Error('was accepted');
}

describe('O-39 L-112 manifests and indexes', () => {
  it('reads an OCI manifest and keeps what it does not know', () => {
    expect(parseManifest(bytes({ ...manifest, 'x-own': [1] }))).toEqual({ ...manifest, 'x-own': [1] });
  });

  it.each([
    ['an OCI manifest', manifest, mediaTypes.manifest, 'manifest'],
    [
      'an OCI manifest that does not name its type',
      { ...manifest, mediaType: undefined },
      mediaTypes.manifest,
      'manifest',
    ],
    [
      'a Docker manifest',
      { ...manifest, mediaType: mediaTypes.dockerManifest },
      mediaTypes.dockerManifest,
      'manifest',
    ],
    ['an OCI index', index, mediaTypes.index, 'index'],
    [
      'an OCI index that does not name its type',
      { ...index, mediaType: undefined },
      mediaTypes.index,
      'index',
    ],
    ['a Docker list', { ...index, mediaType: mediaTypes.dockerList }, mediaTypes.dockerList, 'index'],
  ])('tells %s', (_name, document, mediaType, kind) => {
    expect(parseManifestOrIndex(bytes(document))).toMatchObject({ kind, mediaType });
    expect(parseManifestOrIndex(bytes(document), mediaType)).toMatchObject({ kind, mediaType });
    expect(parseManifestOrIndex(bytes(document), `${mediaType}; charset=utf-8`)).toMatchObject({
      kind,
      mediaType,
    });
    expect(parseManifestOrIndex(bytes(document), 'application/json')).toMatchObject({ kind, mediaType });
  });

  it('takes the type a server gives where the document has none', () => {
    const untyped = bytes({ ...manifest, mediaType: undefined });
    expect(parseManifestOrIndex(untyped, mediaTypes.dockerManifest)).toMatchObject({
      mediaType: mediaTypes.dockerManifest,
    });
  });

  it('reads the null that Go writes for an empty list', () => {
    expect(parseManifest(bytes({ ...manifest, layers: null, annotations: null })).layers).toEqual([]);
    expect(parseIndex(bytes({ ...index, manifests: null })).manifests).toEqual([]);
  });

  it('an index is not the manifest of one image, nor the other way round', () => {
    expect(refusal(() => parseManifest(bytes(index)))).toContain('got an index');
    expect(refusal(() => parseIndex(bytes(manifest)))).toContain('got the manifest');
  });

  it.each([
    ['not JSON', '{', 'not JSON'],
    ['a list', '[]', 'not a JSON object'],
    ['null', 'null', 'not a JSON object'],
    ['no layers', { ...manifest, layers: undefined }, 'layers'],
    ['no config', { ...manifest, config: undefined }, 'config: expected'],
    ['another version', { ...manifest, schemaVersion: 3 }, 'schemaVersion: expected 2'],
    ['a negative size', { ...manifest, layers: [{ ...layer, size: -1 }] }, 'layers[0].size: too small'],
    ['a broken size', { ...manifest, layers: [{ ...layer, size: 1.5 }] }, 'layers[0].size'],
    ['a size beyond exact numbers', { ...manifest, layers: [{ ...layer, size: 2 ** 60 }] }, 'layers[0].size'],
    ['a size as text', { ...manifest, layers: [{ ...layer, size: '3' }] }, 'layers[0].size: expected number'],
    ['no media type', { ...manifest, layers: [{ ...layer, mediaType: '' }] }, 'layers[0].mediaType'],
  ])('L-112 S-78 refuses %s and says where', (_name, document, why) => {
    expect(refusal(() => parseManifest(bytes(document)))).toContain(why);
  });

  it('L-112 names schema 1 and the remedy', () => {
    const schema1 = { schemaVersion: 1, name: 'a', fsLayers: [], history: [] };
    expect(() => parseManifest(bytes(schema1))).toThrow(
      expect.objectContaining({
        code: 'IMAGE_INVALID',
        hint: expect.stringContaining('push') as string,
      }) as Error,
    );
  });
});

describe('S-54 documents that two tools would read differently', () => {
  it.each([
    ['layers and manifests', { ...manifest, manifests: index.manifests }, 'both layers and manifests'],
    ['config and manifests', { ...index, config }, 'both config and manifests'],
    ['layers and fsLayers', { ...manifest, fsLayers: [] }, 'both layers and fsLayers'],
    ['Layers beside layers', { ...manifest, Layers: [] }, 'ambiguous member "Layers"'],
    ['MANIFESTS beside layers', { ...manifest, MANIFESTS: [] }, 'ambiguous member "MANIFESTS"'],
    ['an index called a manifest', { ...index, mediaType: mediaTypes.manifest }, 'has the form of an index'],
    ['a manifest called an index', { ...manifest, mediaType: mediaTypes.index }, 'is called'],
    [
      'a type that is none',
      { ...manifest, mediaType: 'text/html' },
      'text/html is not the type of a manifest',
    ],
  ])('refuses %s', (_name, document, why) => {
    expect(refusal(() => parseManifestOrIndex(bytes(document)))).toContain(why);
  });

  it.each([
    [manifest, mediaTypes.index],
    [manifest, mediaTypes.dockerManifest],
    [{ ...manifest, mediaType: undefined }, mediaTypes.index],
    [{ ...index, mediaType: undefined }, mediaTypes.manifest],
    [index, mediaTypes.dockerList],
    [manifest, 'text/html'],
  ])('refuses %j given as %s', (document, contentType) => {
    expect(refusal(() => parseManifestOrIndex(bytes(document), contentType))).toMatch(
      /given as|has the form|not the type/,
    );
  });
});

describe('S-55 digests', () => {
  it.each([
    '',
    'sha256:',
    `sha256:${'a'.repeat(63)}`,
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'a'.repeat(64)}/../x`,
    `sha256:../../../${'a'.repeat(55)}`,
    `SHA256:${'a'.repeat(64)}`,
    `md5:${'a'.repeat(32)}`,
    `sha256:${'a'.repeat(64)}\n`,
    `sha256:${'a'.repeat(64)}\0`,
    'a'.repeat(64),
    `../sha256:${'a'.repeat(64)}`,
  ])('refuses %j anywhere', (text) => {
    const bad = { ...layer, digest: text };
    expect(refusal(() => parseManifest(bytes({ ...manifest, layers: [layer, bad] })))).toContain(
      'layers[1].digest: not a digest',
    );
    expect(refusal(() => parseManifest(bytes({ ...manifest, config: bad })))).toContain(
      'config.digest: not a digest',
    );
    expect(refusal(() => parseIndex(bytes({ ...index, manifests: [bad] })))).toContain('manifests[0].digest');
    const rootfs = { type: 'layers', diff_ids: [text] };
    expect(refusal(() => parseImageConfig(bytes({ ...imageConfig, rootfs })))).toContain(
      'rootfs.diff_ids[0]',
    );
  });
});

describe('S-56 hostile JSON', () => {
  const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const withExtra = (json: string): Buffer => bytes(JSON.stringify(manifest).replace(/}$/, `,"x":${json}}`));

  it('bounds the size', () => {
    expect(refusal(() => parseManifest(Buffer.alloc(maxManifestBytes + 1, 0x20)))).toContain('the limit is');
  });

  it('bounds the depth, however it is hidden', () => {
    expect(refusal(() => parseManifest(withExtra(nested(64))))).toContain('nested deeper');
    expect(refusal(() => parseManifest(withExtra(nested(100_000))))).toContain('nested deeper');
    expect(refusal(() => parseManifest(bytes('['.repeat(1_000_000))))).toContain('nested deeper');
    expect(refusal(() => parseManifest(withExtra(`["\\"", ${nested(64)}]`)))).toContain('nested deeper');
    parseManifest(withExtra(nested(62)));
    // Brackets in text are no depth.
    parseManifest(withExtra(JSON.stringify(`"\\${'['.repeat(500)}`)));
  });

  it.each(['"__proto__"', '"\\u005f_proto__"'])('drops %s wherever it stands', (key) => {
    const text = `{"schemaVersion":2,${key}:{"layers":[]},"config":{"mediaType":"m","digest":"${digest}","size":1,${key}:{"polluted":1},"annotations":{${key}:"x","a":"b"}},"layers":[],"x":{${key}:{"polluted":1}}}`;
    const parsed = parseManifest(bytes(text)) as unknown as { x: object; config: { annotations: object } };
    for (const value of [parsed, parsed.x, parsed.config, parsed.config.annotations]) {
      expect(Object.getOwnPropertyNames(value)).not.toContain('__proto__');
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    }
    expect(Object.assign({}, parsed.x)).not.toHaveProperty('polluted');
    expect(parsed.config.annotations).toEqual({ a: 'b' });
    expect({}).not.toHaveProperty('polluted');
  });

  it('takes the last of duplicate keys, as Go does', () => {
    const other = `sha256:${'b'.repeat(64)}`;
    const text = JSON.stringify(manifest).replace(
      /}$/,
      `,"layers":[{"mediaType":"m","digest":"${other}","size":1}]}`,
    );
    expect(parseManifest(bytes(text)).layers.map((found) => found.digest)).toEqual([other]);
  });

  it('refuses what is not UTF-8', () => {
    expect(
      refusal(() => parseManifest(Buffer.from(JSON.stringify({ ...manifest, x: 'ÿ' }), 'latin1'))),
    ).toContain('not JSON');
  });

  it('is not confused by members of objects in general', () => {
    const strange = { ...manifest, constructor: { prototype: 1 }, toString: 'x', hasOwnProperty: null };
    expect(parseManifest(bytes(strange)).layers).toHaveLength(1);
  });
});

describe('O-33 image configs', () => {
  it('keeps unknown members at every level', () => {
    const rich = {
      ...imageConfig,
      'x-own': { a: 1 },
      config: { Env: ['A=b'], 'x-config': true, Healthcheck: { Test: ['CMD', 'x'], 'x-health': 1 } },
      history: [{ created_by: 'x', 'x-history': 1 }],
    };
    expect(parseImageConfig(bytes(rich))).toEqual(rich);
  });

  it('reads what Docker writes: nulls, missing lists, one word for a list', () => {
    const docker = {
      ...imageConfig,
      rootfs: { type: 'layers' },
      history: null,
      config: {
        Env: null,
        Entrypoint: null,
        Cmd: 'sh',
        Volumes: { '/data': {} },
        ExposedPorts: { '80/tcp': {} },
        Labels: null,
        OnBuild: null,
        Healthcheck: null,
        Shell: null,
        User: '',
        Image: 'sha256:x',
        Hostname: 'h',
        AttachStdin: false,
      },
    };
    const parsed = parseImageConfig(bytes(docker));
    expect(parsed.rootfs.diff_ids).toEqual([]);
    expect(parsed.history).toBeUndefined();
    expect(parsed.config).toMatchObject({
      Cmd: ['sh'],
      Volumes: { '/data': {} },
      ExposedPorts: { '80/tcp': {} },
      Hostname: 'h',
    });
    expect(parsed.config?.Entrypoint ?? parsed.config?.Env ?? parsed.config?.Labels).toBeUndefined();
  });

  it.each([
    [{ ...imageConfig, os: undefined }, 'os: expected'],
    [{ ...imageConfig, architecture: '' }, 'architecture: too small'],
    [{ ...imageConfig, rootfs: undefined }, 'rootfs'],
    [{ ...imageConfig, rootfs: { type: 'snapshot', diff_ids: [] } }, 'rootfs.type: expected "layers"'],
    [{ ...imageConfig, config: { Env: [1] } }, 'config.Env[0]: expected string'],
    [{ ...imageConfig, config: { Labels: { a: 1 } } }, 'config.Labels.a'],
  ])('O-33 refuses %j', (value, why) => expect(refusal(() => parseImageConfig(bytes(value)))).toContain(why));
});

describe('docker archives and bundles', () => {
  it('reads manifest.json of docker save', () => {
    const archive = [{ Config: 'a.json', RepoTags: null, Layers: ['a/layer.tar'], LayerSources: {} }];
    expect(parseDockerArchiveManifest(bytes(archive))).toMatchObject([
      { Config: 'a.json', RepoTags: [], Layers: ['a/layer.tar'] },
    ]);
    expect(refusal(() => parseDockerArchiveManifest(bytes('{}')))).toContain('expected array');
    expect(refusal(() => parseDockerArchiveManifest(bytes([{ Layers: [] }])))).toContain('[0].Config');
  });

  it('reads the config.json that runc writes', async () => {
    requires('tool:runc');
    using folder = tempFolder('bundle');
    await runOk(['runc', 'spec', '-b', folder.path]);
    const text = readFileSync(join(folder.path, 'config.json'));
    const parsed = parseRuntimeConfig(text);
    expect(parsed).toMatchObject(JSON.parse(text.toString()) as object);
    expect(parsed.process.capabilities.inheritable).toBeInstanceOf(Array);
  });

  it.each([
    [{ process: { args: [] } }, 'process.args: too small'],
    [{ process: { cwd: 'relative' } }, 'not an absolute path'],
    [{ process: { user: { uid: -1, gid: 0 } } }, 'process.user.uid'],
    [{ linux: { namespaces: [{ type: 'moon' }] } }, 'linux.namespaces[0].type'],
  ])('refuses the bundle with %j', (change, why) => {
    const init = {
      cwd: '/',
      args: ['sh'],
      user: { uid: 0, gid: 0 },
      ...('process' in change ? change.process : {}),
    };
    const bundle = { ociVersion: '1.0.2', root: { path: 'rootfs' }, linux: {}, ...change, process: init };
    expect(refusal(() => parseRuntimeConfig(bytes(bundle)))).toContain(why);
  });
});
