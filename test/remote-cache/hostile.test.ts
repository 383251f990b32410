import { createHash } from 'node:crypto';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { openStore } from '../../src/store/index.ts';
import { machine } from '../support/cache-machines.ts';
import { changeCache, type CacheDocuments } from '../support/cache-tamper.ts';
import { makeContext } from '../support/context.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const files = {
  Dockerfile: 'FROM scratch\nCOPY a.txt /a\nCOPY b.txt /b\n',
  'a.txt': 'a\n',
  'b.txt': 'b\n',
};
const steps = ['[1/2] COPY a.txt /a', '[2/2] COPY b.txt /b'];

const digest = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Puts a layer of the attacker's into the place of the last one, all digests right. */
function withLayer(bytes: Uint8Array, { config, manifest, put }: CacheDocuments): void {
  manifest.layers.push(put(bytes));
  const row = {
    diffId: digest(bytes),
    created: '2020-01-01T00:00:00.000Z',
    blob: manifest.layers.length - 1,
  };
  const place = config.layers.push(row) - 1;
  for (const { records } of config.parts)
    for (const record of records) record['layers'] = [...(record['layers'] as number[]).slice(0, -1), place];
}

/** Each with what the build says of it; all of them cost time and nothing else. */
const attacks: Readonly<Record<string, readonly [(documents: CacheDocuments) => void, RegExp]>> = {
  'a record under a key that is another step’s': [
    ({ config }) => {
      for (const { records } of config.parts)
        for (const record of records) record['key'] = digest(Buffer.from('x'));
    },
    /2 of its 2 records are not what their keys say/,
  ],
  'a record whose parts are others': [
    ({ config }) => {
      for (const { records } of config.parts)
        for (const record of records)
          record['parts'] = { ...(record['parts'] as object), destination: '/etc' };
    },
    /2 of its 2 records are not what their keys say/,
  ],
  'a record whose inputs are others': [
    ({ config }) => {
      for (const { records } of config.parts)
        for (const record of records) record['inputs'] = [{ digest: digest(Buffer.from('x')) }];
    },
    /2 of its 2 records are not what their keys say/,
  ],
  'a layer whose blob is another’s': [
    ({ config, manifest, put }) => {
      manifest.layers.push(put(makeTar([{ path: 'evil', body: 'evil' }])));
      for (const layer of config.layers)
        if (layer.blob !== undefined) layer.blob = manifest.layers.length - 1;
    },
    /not what was promised/,
  ],
  'a blob whose bytes have changed': [
    ({ manifest, path }) => {
      for (const layer of manifest.layers) writeFileSync(path(layer.digest), 'x'.repeat(layer.size));
    },
    /not what (was promised|its digest and size promise)/,
  ],
  'a blob that is longer than it says': [
    ({ manifest, path }) => {
      for (const layer of manifest.layers)
        writeFileSync(
          path(layer.digest),
          Buffer.concat([readFileSync(path(layer.digest)), Buffer.alloc(99)]),
        );
    },
    /not what its digest and size promise/,
  ],
  'a blob that unpacks to the right layer and has another digest': [
    ({ manifest, path }) => {
      for (const layer of manifest.layers) {
        const bytes = readFileSync(path(layer.digest));
        // The time in the head of a gzip member (RFC 1952, 2.3.1).
        bytes[4] = 1;
        writeFileSync(path(layer.digest), bytes);
      }
    },
    /not what its digest and size promise/,
  ],
  'a blob that is not there': [
    ({ manifest }) => {
      for (const layer of manifest.layers) layer.digest = digest(Buffer.from('nothing'));
    },
    /is missing/,
  ],
  'a layer that leaves the root': [
    (documents) => withLayer(makeTar([{ path: '../../evil', body: 'evil' }]), documents),
    /evil/,
  ],
  'a layer that writes through a link': [
    (documents) =>
      withLayer(
        makeTar([
          { path: 'out', type: 'symlink', link: '/../../../../../../tmp' },
          { path: 'out/tsbuild-evil/x', body: 'evil' },
          { path: 'hard', type: 'hardlink', link: '../../../../../../etc/passwd' },
        ]),
        documents,
      ),
    /./,
  ],
  'a layer that is no archive': [
    (documents) => withLayer(Buffer.alloc(4096, 'x'), documents),
    /it is not used/,
  ],
  'a layer by a path': [
    ({ config }) => {
      for (const layer of config.layers) layer.diffId = 'sha256:../../../../etc/passwd';
    },
    /malformed at layers\.0\.diffId: not a digest/,
  ],
  'a blob by a path': [
    ({ manifest }) => {
      for (const layer of manifest.layers) layer.digest = '../../../../etc/passwd';
    },
    /not a digest/,
  ],
  'a place that is not in the table': [
    ({ config }) => {
      for (const { records } of config.parts) for (const record of records) record['layers'] = [999];
    },
    /a layer 999 that it does not have/,
  ],
  'a place that is no number': [
    ({ config }) => {
      for (const { records } of config.parts) for (const record of records) record['layers'] = ['__proto__'];
    },
    /malformed at parts\.0\.records\.0\.layers\.0/,
  ],
  'more layers than any overlay takes': [
    ({ config }) => {
      for (const { records } of config.parts)
        for (const record of records) record['layers'] = Array.from({ length: 5000 }, () => 0);
    },
    /malformed at parts\.0\.records\.0\.layers/,
  ],
  'another version': [({ config }) => void Object.assign(config, { version: 2 }), /malformed at version/],
  'a config of a gigabyte, as it says': [
    ({ manifest }) => void (manifest.config = { ...manifest.config, size: 2 ** 30 }),
    /1073741824 bytes, more than/,
  ],
  'a config of a gigabyte, as it is': [
    ({ manifest, path }) => {
      truncateSync(path(manifest.config.digest), 2 ** 30);
      manifest.config = { ...manifest.config };
    },
    /larger than|1073741824/,
  ],
  'a config nested without end': [
    ({ manifest, put }) => {
      const type = 'application/vnd.tsbuild.cache.config.v1+json';
      manifest.config = put(`{"version":1,"layers":[],"parts":${'['.repeat(9999)}${']'.repeat(9999)}}`, type);
    },
    /nested deeper/,
  ],
  'a config of another kind': [
    ({ manifest, put }) => void (manifest.config = put('{}', 'application/vnd.example+json')),
    /is not a cache but application\/vnd\.example\+json/,
  ],
  'an image without an inline cache': [
    ({ manifest, put }) => {
      const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } };
      manifest.layers = [];
      manifest.config = put(JSON.stringify(config), 'application/vnd.oci.image.config.v1+json');
    },
    /nothing is there \(it is an image without an inline cache\)/,
  ],
  'an inline cache of other layers': [
    ({ config, manifest, put }) => {
      const [record] = config.parts[0]?.records ?? [];
      const layer = makeTar([{ path: 'a', body: 'evil' }]);
      manifest.layers = [put(layer)];
      const image = {
        ...{ os: 'linux', architecture: 'amd64' },
        rootfs: { type: 'layers', diff_ids: [digest(layer)] },
        'tsbuild.cache.v0': {
          version: 1,
          layers: ['2020-01-01T00:00:00Z'],
          records: [{ ...record, parts: undefined, layers: 1, chain: digest(Buffer.from('x')) }],
        },
      };
      manifest.config = put(JSON.stringify(image), 'application/vnd.oci.image.config.v1+json');
    },
    /^$/,
  ],
};

describe('a cache of somebody hostile', () => {
  requires('root', 'overlay', 'tool:busybox');
  let honest: string;
  beforeAll(async () => {
    honest = join(tempFolder('cache').path, 'c');
    const made = await (
      await machine()
    ).build(makeContext(files), { to: [`type=local,dest=${honest},mode=max`] });
    expect(made.error).toBeUndefined();
  });

  it.each(Object.keys(attacks))('S-79 %s: a warning, and the steps run', async (name) => {
    const [change, warning] = attacks[name] ?? [() => undefined, /^$/];
    const cache = join(tempFolder('hostile-cache').path, 'c');
    await runOk(['cp', '-a', honest, cache]);
    changeCache(cache, change);
    const built = await (await machine()).build(makeContext(files), { from: [`type=local,src=${cache}`] });
    expect(built.error).toBeUndefined();
    expect(built.ran).toEqual(steps);
    const told = built.warnings.filter((text) => text.startsWith(`cache ${cache}: `));
    expect(told.join('\n')).toMatch(warning);
    expect(existsSync('/tmp/tsbuild-evil')).toBe(false);
  });

  it('S-79 an imported result never stands for what a step made here', async () => {
    const cache = join(tempFolder('hostile-cache').path, 'c');
    await runOk(['cp', '-a', honest, cache]);
    const evil = makeTar([{ path: 'a', body: 'evil' }]);
    changeCache(cache, (documents) => withLayer(evil, documents));
    const victim = await machine();
    // The cache that was named lies, and is believed: that is what naming it means.
    const lied = await victim.build(makeContext(files), { from: [`type=local,src=${cache}`] });
    expect(lied.ran).toEqual([]);
    // Content cut-off would put it into the place of an honest result of the same content.
    await using store = await openStore(victim.root);
    const states: string[] = [];
    for await (const key of store.records.list('states')) states.push(key);
    expect(states).toEqual([]);
  });
});
