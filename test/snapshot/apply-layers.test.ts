import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { treeOfLayers } from '../support/layered.ts';
import { makeTar, type TarSpec } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { diffTrees, treeOfFolder, type TreeEntry } from '../support/tree.ts';

requires('root', 'overlay', 'tool:getfattr');

const directory = (path: string, fields: Partial<TarSpec> = {}): TarSpec => ({
  path: `${path}/`,
  type: 'directory',
  ...fields,
});

const lower: TarSpec[] = [
  directory('d', { mode: 0o750, uid: 11, gid: 12, mtime: 111 }),
  { path: 'd/a', body: 'a', mtime: 1 },
  directory('d/s', { mtime: 222 }),
  { path: 'd/s/deep', body: 'deep', mtime: 2 },
  { path: 'file', body: 'file', mode: 0o640, uid: 3, mtime: 3, pax: { 'SCHILY.xattr.user.k': 'v' } },
  { path: 'lib', type: 'symlink', link: 'd/s' },
];

/** Upper layers on `lower`, each with the paths that are left: `path` or `path=content`. */
const cases: [name: string, upper: TarSpec[], left: string][] = [
  ['an explicit whiteout of a file', [{ path: 'd/.wh.a' }], 'd d/s d/s/deep file lib'],
  ['of a directory', [{ path: '.wh.d' }], 'file lib'],
  ['of a symlink', [{ path: '.wh.lib' }], 'd d/a d/s d/s/deep file'],
  [
    'of a directory, which comes again',
    [{ path: '.wh.d' }, directory('d'), { path: 'd/new' }],
    'd d/new file lib',
  ],
  [
    'of a file that comes again',
    [{ path: '.wh.file' }, { path: 'file', body: 'new' }],
    'd d/a d/s d/s/deep file lib',
  ],
  [
    'late, of a file that has come again',
    [{ path: 'file', body: 'new' }, { path: '.wh.file' }],
    'd d/a d/s d/s/deep file lib',
  ],
  [
    'late, of a directory that has come again',
    [directory('d'), { path: 'd/new' }, { path: '.wh.d' }],
    'd d/new file lib',
  ],
  [
    'late, with a directory of both below',
    [directory('d/s'), { path: 'd/s/new' }, { path: '.wh.d' }],
    'd d/s d/s/new file lib',
  ],
  ['an opaque directory', [{ path: 'd/.wh..wh..opq' }, { path: 'd/b' }], 'd d/b file lib'],
  [
    'an opaque directory, late',
    [{ path: 'd/b' }, { path: 'd/a', body: 'new' }, { path: 'd/.wh..wh..opq' }],
    'd d/a d/b file lib',
  ],
  [
    'an opaque directory, late, with a directory of both',
    [{ path: 'd/s/new' }, { path: 'd/.wh..wh..opq' }],
    'd d/s d/s/new file lib',
  ],
  ['an opaque root', [{ path: '.wh..wh..opq' }, { path: 'new' }], 'new'],
  ['through a symlink', [{ path: 'lib/.wh.deep' }, { path: 'lib/new' }], 'd d/a d/s d/s/new file lib'],
  ['a file over a directory', [{ path: 'd', body: 'x' }], 'd file lib'],
  ['a directory over a file', [directory('file'), { path: 'file/x' }], 'd d/a d/s d/s/deep file file/x lib'],
  ['a directory over a symlink', [directory('lib'), { path: 'lib/x' }], 'd d/a d/s d/s/deep file lib lib/x'],
  ['a symlink over a directory', [{ path: 'd', type: 'symlink', link: 'x' }], 'd file lib'],
  ['no entry at all', [], 'd d/a d/s d/s/deep file lib'],
];

describe('O-36 whiteouts hide what is below, and only that', () => {
  it.each(cases)('%s', async (_, upper, left) => {
    using folder = tempFolder('layers');
    const tree = await treeOfLayers(folder.path, [makeTar(lower), makeTar(upper)]);
    expect(tree.map(({ path }) => path).join(' ')).toBe(left);
    const own = upper.filter(({ body }) => body !== undefined);
    for (const { path, body = '' } of own) {
      expect(tree.find((entry) => entry.path === path)?.content).toBe(digestOf(body).slice('sha256:'.length));
    }
  });

  it('.wh..wh..opq is no whiteout of a file called .wh..opq', async () => {
    using folder = tempFolder('layers');
    const tree = await treeOfLayers(folder.path, [
      makeTar([{ path: 'd/a' }]),
      makeTar([{ path: 'd/.wh..wh..opq' }, { path: 'd/b' }]),
    ]);
    expect(tree.map(({ path }) => path)).toEqual(['d', 'd/b']);
  });

  it('of one layer hide nothing in those above', async () => {
    using folder = tempFolder('layers');
    const tree = await treeOfLayers(folder.path, [
      makeTar([{ path: 'a' }, { path: 'b' }]),
      makeTar([{ path: '.wh.a' }, { path: '.wh.b' }]),
      makeTar([{ path: 'a', body: 'again' }]),
    ]);
    expect(tree.map(({ path }) => path)).toEqual(['a']);
  });
});

describe('O-37 what a layer does not name keeps its attributes', () => {
  const find = (tree: readonly TreeEntry[], path: string) => tree.find((entry) => entry.path === path);

  it('a parent directory that only a lower layer has', async () => {
    using folder = tempFolder('layers');
    const upper = makeTar([{ path: 'd/s/new' }, { path: 'd/.wh.a' }]);
    const tree = await treeOfLayers(folder.path, [makeTar(lower), upper], { times: true });
    expect(find(tree, 'd')).toMatchObject({ mode: '750', owner: '11:12', mtime: 111 });
    expect(find(tree, 'd/s')).toMatchObject({ mtime: 222 });
  });

  it('a hard link to a file of a lower layer', async () => {
    using folder = tempFolder('layers');
    const upper = makeTar([
      { path: 'd/linked', type: 'hardlink', link: 'file', mode: 0o640, uid: 3, mtime: 3 },
    ]);
    const tree = await treeOfLayers(folder.path, [makeTar(lower), upper], { times: true });
    const same = { mode: '640', owner: '3:0', mtime: 3, xattrs: ['user.k=0x76'] };
    expect(find(tree, 'file')).toMatchObject({ ...same, hardLinkOf: 'd/linked' });
    expect(find(tree, 'd/linked')).toMatchObject({ ...same, content: find(tree, 'file')?.content });
  });

  it('and a directory that is named has exactly the xattrs it is given', async () => {
    using folder = tempFolder('layers');
    const tree = await treeOfLayers(folder.path, [
      makeTar([directory('d', { pax: { 'SCHILY.xattr.user.old': '1', 'SCHILY.xattr.user.both': '1' } })]),
      makeTar([directory('d', { pax: { 'SCHILY.xattr.user.both': '2' } })]),
    ]);
    expect(tree).toMatchObject([{ path: 'd', xattrs: ['user.both=0x32'] }]);
  });
});

describe('another unpacker agrees', () => {
  // umoci removes by the name of a whiteout, wherever it stands and whoever made the name.
  const byDesign = /late/;

  it.each(cases.filter(([name]) => !byDesign.test(name)))('umoci: %s', async (_, upper) => {
    requires('tool:umoci');
    using folder = tempFolder('layers');
    const layers = [makeTar(lower), makeTar(upper)];
    mkdirSync(join(folder.path, 'ours'));
    const ours = await treeOfLayers(join(folder.path, 'ours'), layers);
    const theirs = await umociTree(folder.path, layers);
    expect(diffTrees(theirs, ours)).toEqual([]);
  });

  it('umoci: random changes', async () => {
    requires('tool:umoci');
    const names = ['a', 'b', 'c'];
    const pick = <T>(from: readonly T[]): T => from[(randomBytes(1)[0] ?? 0) % from.length]!;
    for (let round = 0; round < 8; round++) {
      using folder = tempFolder('layers');
      const layers = [0, 1, 2].map((level) => {
        const specs = new Map<string, TarSpec>();
        for (let index = 0; index < 12; index++) {
          const parent = pick(['', 'p/', 'p/q/', 'r/']);
          const path = `${parent}${pick(names)}`;
          if (level > 0 && pick([true, false]))
            specs.set(path, { path: `${parent}.wh.${path.slice(parent.length)}` });
          else specs.set(path, { path, body: `${level}${index}`, mode: pick([0o600, 0o644]) });
        }
        return makeTar([...['p', 'p/q', 'r'].map((path) => directory(path)), ...specs.values()]);
      });
      mkdirSync(join(folder.path, 'ours'));
      const ours = await treeOfLayers(join(folder.path, 'ours'), layers);
      expect(diffTrees(await umociTree(folder.path, layers), ours)).toEqual([]);
    }
  });
});

/** Unpacks the layers with umoci, by way of an OCI layout made by hand. */
async function umociTree(folder: string, layers: readonly Uint8Array[]): Promise<TreeEntry[]> {
  const layout = join(folder, 'layout');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const blob = (bytes: Uint8Array | string, mediaType: string) => {
    const digest = digestOf(bytes);
    writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), bytes);
    return { mediaType: `application/vnd.oci.image.${mediaType}`, digest, size: bytes.length };
  };
  const config = blob(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
    }),
    'config.v1+json',
  );
  const descriptors = layers.map((layer) => blob(layer, 'layer.v1.tar'));
  const manifest = blob(
    JSON.stringify({ schemaVersion: 2, config, layers: descriptors }),
    'manifest.v1+json',
  );
  const annotations = { 'org.opencontainers.image.ref.name': 'test' };
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  const bundle = join(folder, 'bundle');
  await runOk(['umoci', 'unpack', '--image', `${layout}:test`, bundle]);
  return treeOfFolder(join(bundle, 'rootfs'));
}
