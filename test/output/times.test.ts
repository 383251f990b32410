import { afterEach, describe, expect, it, vi } from 'vitest';
import { gunzipSync } from 'node:zlib';

import { mediaTypes } from '../../src/oci/index.ts';
import { parseBuildContext } from '../../src/ops/index.ts';
import { redatedLayer } from '../../src/ops/redate.ts';
import { buildTo, type BuildTo } from '../support/build-to.ts';
import { makeTar } from '../support/make-tar.ts';
import { headersOf, membersOf, openLayout } from '../support/read-archive.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { withStore } from '../support/with-store.ts';

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

interface Times {
  readonly created: string | undefined;
  readonly history: readonly (string | undefined)[];
  /** Of the files in each layer. */
  readonly files: readonly (readonly number[])[];
}

/** The times in the image that a build writes. */
async function timesOf(options: Omit<BuildTo, 'to'> & { readonly attributes?: string }): Promise<Times> {
  const { attributes = '', ...rest } = options;
  const { stdout } = await buildTo({ ...rest, to: [`type=oci${attributes}`] });
  const { manifest, config, blobOf } = openLayout(await membersOf(stdout));
  const layers = (manifest.layers ?? []).map(async ({ digest }) => headersOf(gunzipSync(blobOf(digest))));
  return {
    created: config.created,
    history: (config.history ?? []).map(({ created }) => created),
    files: (await Promise.all(layers)).map((headers) => headers.map(({ mtime }) => mtime)),
  };
}

const old = 500_000_000;
const epoch = 1_000_000_000;
const late = 1_500_000_000;
const image = {
  dockerfile: 'FROM scratch\nADD f.tar /\nLABEL x=y\n',
  files: {
    'f.tar': makeTar([
      { path: 'old', mtime: old },
      { path: 'late', mtime: late },
    ]),
  },
};
const arg = (text: string): ReadonlyMap<string, string> => new Map([['SOURCE_DATE_EPOCH', text]]);

describe('SOURCE_DATE_EPOCH', () => {
  requires('root', 'overlay');
  afterEach(() => void vi.unstubAllEnvs());

  it.each<readonly [what: string, given: object, env: string | undefined, expected: number]>([
    ['a build arg', { buildArgs: arg('1000') }, undefined, 1000],
    ['the environment', {}, '2000', 2000],
    [
      'an ARG before the first FROM',
      { dockerfile: `ARG SOURCE_DATE_EPOCH=3000\n${image.dockerfile}` },
      undefined,
      3000,
    ],
    ['the option of the output', { attributes: ',source-date-epoch=4000' }, undefined, 4000],
    ['a build arg before the environment', { buildArgs: arg('1000') }, '2000', 1000],
    [
      'the environment before the ARG',
      { dockerfile: `ARG SOURCE_DATE_EPOCH=3000\n${image.dockerfile}` },
      '2000',
      2000,
    ],
    [
      'the ARG before the option',
      {
        dockerfile: `ARG SOURCE_DATE_EPOCH=3000\n${image.dockerfile}`,
        attributes: ',source-date-epoch=4000',
      },
      undefined,
      3000,
    ],
  ])('O-50 O-52 O-53 is taken from %s', async (_what, given, env, expected) => {
    vi.stubEnv('SOURCE_DATE_EPOCH', env);
    const { created, history, files } = await timesOf({ ...image, ...given });
    expect(created).toBe(iso(expected));
    expect(history).toEqual([iso(expected), iso(expected)]);
    // The files are as they were.
    expect(files).toEqual([[late, old]]);
  });

  it.each(['', 'context'])('O-51 "%s" is as good as unset for a folder', async (text) => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '');
    const before = Date.now() - 1000;
    const { created } = await timesOf({ ...image, buildArgs: arg(text) });
    expect(Date.parse(created ?? '')).toBeGreaterThan(before);
  });

  it.each(['yesterday', '-1', '1.5', '999999999999'])('O-51 %s is refused', async (text) => {
    await expect(timesOf({ ...image, buildArgs: arg(text) })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('O-50 of the environment is seen by the Dockerfile that declares it', async () => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '77');
    const dockerfile = 'FROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL at=$SOURCE_DATE_EPOCH\n';
    const { image: built } = await buildTo({ dockerfile, to: ['type=cacheonly'] });
    expect(built.config.config?.Labels).toEqual({ at: '77' });
  });
});

describe('times of files in new layers', () => {
  requires('root', 'overlay');
  const buildArgs = arg(String(epoch));

  it.each<readonly [what: string, given: object]>([
    ['the option of the output', { attributes: ',rewrite-timestamp=true' }],
    ['the option of all', { shape: { rewrite: 'clamp' } }],
  ])('O-56 are not later than the epoch by %s, and earlier ones stay', async (_what, given) => {
    expect((await timesOf({ ...image, ...given, buildArgs })).files).toEqual([[epoch, old]]);
  });

  it('O-60 are all exactly the time of --timestamp, the image, too', async () => {
    const { created, history, files } = await timesOf({ ...image, shape: { epoch, rewrite: 'exact' } });
    expect({ created, history, files }).toEqual({
      created: iso(epoch),
      history: [iso(epoch), iso(epoch)],
      files: [[epoch, epoch]],
    });
  });

  it('O-56 a base keeps its layers, whatever they say, and its history', async () => {
    const { path } = tempFolder('output');
    await buildTo(
      { ...image, buildArgs: arg(String(late)), tags: ['base'], to: ['type=oci,dest={}/base,tar=false'] },
      path,
    );
    const derived = await timesOf({
      dockerfile: 'FROM base\nADD f.tar /sub/\n',
      files: image.files,
      namedContexts: [parseBuildContext(`base=oci-layout://${path}/base`)],
      buildArgs: arg(String(old + 1)),
      attributes: ',rewrite-timestamp=true',
    });
    expect(derived.files[0]).toEqual([late, old]);
    expect(Math.max(...(derived.files[1] ?? []))).toBe(old + 1);
    expect(derived.history).toEqual([iso(late), iso(late), iso(old + 1)]);
    // O-52: nothing this build made is later, and the image is of its making.
    expect(derived.created).toBe(iso(old + 1));
  });

  it('O-57 folders that WORKDIR makes have the time', async () => {
    const own = { dockerfile: 'FROM scratch\nWORKDIR /a/b\n', files: {} };
    expect((await timesOf({ ...own, buildArgs: arg(String(epoch)) })).files).toEqual([[epoch, epoch]]);
    const global = `ARG SOURCE_DATE_EPOCH=${late}\n${own.dockerfile}`;
    expect((await timesOf({ ...own, dockerfile: global })).files).toEqual([[late, late]]);
  });

  it.each(['clamp', 'exact'] as const)('O-57 O-36 whiteouts stay at 1970: %s', async (how) => {
    await withStore(async (store) => {
      await using lease = await store.lease();
      const tar = makeTar([
        { path: 'd/', type: 'directory', mtime: late },
        { path: 'd/.wh.gone', mode: 0, mtime: 0 },
        { path: 'd/kept', body: 'x', mtime: late },
      ]);
      const { digest, size } = await store.blobs.put(tar);
      const layer = { diffId: digest, descriptor: { mediaType: mediaTypes.layer, digest, size } };
      const redated = await redatedLayer({ store, lease }, layer, { epoch, how });
      const headers = await headersOf(await store.blobs.read(redated.diffId));
      expect(headers.map(({ path, mtime }) => [path, mtime])).toEqual([
        ['d', epoch],
        ['d/.wh.gone', 0],
        ['d/kept', epoch],
      ]);
      // Known from then on, as long as it is there.
      expect(await redatedLayer({ store, lease }, layer, { epoch, how })).toEqual(redated);
      await store.blobs.delete(redated.diffId);
      expect(await redatedLayer({ store, lease }, layer, { epoch, how })).toEqual(redated);
      expect(await store.blobs.stat(redated.diffId)).toBeDefined();
    });
  });

  it('O-56 without a time is refused before anything runs', async () => {
    vi.stubEnv('SOURCE_DATE_EPOCH', undefined);
    await expect(timesOf({ ...image, shape: { rewrite: 'clamp' } })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'rewriting timestamps needs a time',
    });
    vi.unstubAllEnvs();
  });

  it('O-56 O-61 two builds of the same input on two stores are one image, to the byte', async () => {
    const outputs = await Promise.all(
      [1, 2].map(() => buildTo({ ...image, buildArgs, to: ['type=oci,rewrite-timestamp=true'] })),
    );
    const [one, two] = outputs.map(({ stdout }) => stdout);
    expect(one?.length).toBeGreaterThan(1000);
    expect(one?.equals(two ?? Buffer.of())).toBe(true);
  });
});
