import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { buildTo } from '../support/build-to.ts';
import { makeContext } from '../support/context.ts';
import type { DockerClient } from '../support/docker-engine.ts';
import { makeTar, type TarSpec } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { diffTrees, treeOfFolder, treeOfTar, type TreeEntry } from '../support/tree.ts';

/** What both write alike. */
const plain: readonly TarSpec[] = [
  { path: 'bin/', type: 'directory', mode: 0o755 },
  { path: 'bin/app', body: 'app', mode: 0o755 },
  { path: 'bin/again', type: 'hardlink', link: 'bin/app', mode: 0o755 },
  { path: 'etc/', type: 'directory', mode: 0o750, uid: 5, gid: 6 },
  { path: 'etc/secret', body: 'x', mode: 0o640, uid: 5, gid: 6, mtime: 1_000_000_000 },
  { path: 'link', type: 'symlink', link: '/etc/passwd', uid: 1000 },
  { path: 'pipe', type: 'fifo', mode: 0o600 },
  { path: 'tmp/', type: 'directory', mode: 0o1777 },
  { path: 'na\xc3\xafve', body: '' },
];

/** Where tsbuild means to differ (docs/outputs.md). */
const odd: readonly TarSpec[] = [
  { path: 'null', type: 'char', mode: 0o666, device: [1, 3] },
  { path: 'su', body: 'x', mode: 0o4755 },
];

const dockerfile = 'FROM scratch\nADD rootfs.tar /\n';

describe('outputs beside Docker’s', () => {
  requires('root', 'overlay', 'docker', 'tool:getfattr');
  let engine: DockerClient;
  beforeAll(async () => {
    engine = await dockerEngine();
  });

  async function both(entries: readonly TarSpec[], to: string) {
    const files = { 'rootfs.tar': makeTar(entries) };
    const context = makeContext({ Dockerfile: dockerfile, ...files });
    const { path } = tempFolder('docker');
    const args = ['build', '-o', to.replace('{}', path), context];
    const { status, stdoutBytes, stderr } = await engine.docker(args, { env: { DOCKER_BUILDKIT: '1' } });
    if (status !== 0) throw new Error(stderr);
    const ours = await buildTo({ dockerfile, files, to: [to] });
    return { theirs: { folder: path, stdout: stdoutBytes }, ours };
  }

  it('O-04 a folder has the same files, owners, modes and times', async () => {
    const { theirs, ours } = await both(plain, '{}/out');
    const trees = await Promise.all(
      [theirs, ours].map(({ folder }) => treeOfFolder(join(folder, 'out'), { times: true })),
    );
    // Docker's folders have the time at which the last file came into them; here they have that of the image.
    const [docker = [], tsbuild = []] = trees.map((tree) =>
      tree.map(({ mtime, ...entry }) => (entry.type === 'directory' ? entry : { ...entry, mtime })),
    );
    expect(diffTrees(docker as TreeEntry[], tsbuild as TreeEntry[])).toEqual([]);
  });

  it('O-05 a tar has the same files, owners, modes and times', async () => {
    const { theirs, ours } = await both([...plain, ...odd], '-');
    const { path } = tempFolder('tars');
    const trees = [theirs, ours].map(({ stdout }, n) => {
      writeFileSync(join(path, `${n}.tar`), stdout);
      return treeOfTar(join(path, `${n}.tar`), { times: true });
    });
    expect(diffTrees(...((await Promise.all(trees)) as [never, never]))).toEqual([]);
  });

  it('O-04 S-45 a folder lacks what would give rights away, and nothing else', async () => {
    const { theirs, ours } = await both(odd, '{}/out');
    const [docker, tsbuild] = await Promise.all(
      [theirs, ours].map(({ folder }) => treeOfFolder(join(folder, 'out'))),
    );
    expect([
      docker?.map(({ path, mode }) => [path, mode]),
      tsbuild?.map(({ path, mode }) => [path, mode]),
    ]).toEqual([
      [
        ['null', '666'],
        ['su', '4755'],
      ],
      [['su', '755']],
    ]);
    // Docker's is closed to others; here it is as the user makes folders.
    const usual = join(tempFolder('usual').path, 'made');
    mkdirSync(usual);
    const modes = [join(theirs.folder, 'out'), join(ours.folder, 'out'), usual].map(
      (folder) => statSync(folder).mode & 0o777,
    );
    expect(modes).toEqual([0o700, modes[2], modes[2]]);
  });
});
