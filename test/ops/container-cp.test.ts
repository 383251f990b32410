import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { copyFiles, type CopyOptions } from '../../src/ops/container/files/cp.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { copyCases, listTree, makeCopyTree, type CopyCase } from '../support/cp-cases.ts';
import { requires } from '../support/requires.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

function freshTree(name: string): string {
  const { path } = tempFolder(name);
  makeCopyTree(path);
  return path;
}

const options: CopyOptions = {
  follow: false,
  owner: { uid: 0, gid: 0 },
  privileges: true,
  hollow: () => false,
};

/** What is new or other in a tree than it was at the start. */
function news(folder: string, before: readonly string[]): readonly string[] {
  return listTree(folder).filter((line) => !before.includes(line));
}

async function ours({ from, to, follow = false }: CopyCase): Promise<readonly string[] | 'failure'> {
  const [source, target] = [freshTree('cp-from'), freshTree('cp-to')];
  const before = listTree(target);
  using fromRoot = openRootDir(source);
  using toRoot = openRootDir(target);
  try {
    const sides = [
      { root: fromRoot, path: `/${from}`, shown: from },
      { root: toRoot, path: `/${to}`, shown: to },
    ] as const;
    await copyFiles(...sides, { ...options, follow });
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    expect(['COPY_FAILED', 'COPY_SOURCE_NOT_FOUND']).toContain(error.code);
    return 'failure';
  }
  return news(target, before);
}

const titled = copyCases.map((each) => ({
  ...each,
  title: `${each.follow === true ? '-L ' : ''}${each.from} ${each.to}`,
}));

describe('the rules of cp', () => {
  it.each(titled)('C-72 cp $title', async (each) => {
    expect(await ours(each)).toEqual(each.gives);
  });

  it('C-72 keeps times, and the attributes of a folder that it copies into', async () => {
    const [source, target] = [freshTree('cp-from'), freshTree('cp-to')];
    await runOk(['sh', '-ec', 'touch -d @1000 dir/sub dir/f; chmod 700 dir'], { cwd: source });
    await runOk(['sh', '-ec', 'chmod 1777 full'], { cwd: target });
    using fromRoot = openRootDir(source);
    using toRoot = openRootDir(target);
    const from = { root: fromRoot, path: '/dir/.', shown: 'dir/.' };
    await copyFiles(from, { root: toRoot, path: '/full', shown: 'full' }, options);
    const stat = ['stat', '-c', '%n %a %Y', 'full/sub', 'full/f'];
    expect(await runOk(stat, { cwd: target })).toBe('full/sub 755 1000\nfull/f 644 1000');
    expect(await runOk(['stat', '-c', '%a', 'full'], { cwd: target })).toBe('1777');
  });

  it('C-72 takes a file that grows as long as it was, and one of the kernel whole', async () => {
    const target = freshTree('cp-to');
    using proc = openRootDir('/proc');
    using toRoot = openRootDir(target);
    const to = { root: toRoot, path: '/new', shown: 'new' };
    await copyFiles({ root: proc, path: '/version', shown: 'version' }, to, options);
    expect(listTree(target).find((line) => line.startsWith('new: '))).toMatch(/^new: Linux version/);
  });
});

describe('beside docker cp', () => {
  requires('docker', 'tool:busybox');

  it('C-72 the rules are those of docker cp, both ways', async () => {
    const docker = await dockerEngine();
    const folder = freshTree('cp-image');
    writeFileSync(join(folder, 'never-run'), '');
    const tar = join(tempFolder('cp').path, 'tree.tar');
    await runOk(['tar', '-cf', tar, '-C', folder, '.']);
    const image = 'cp-cases:1';
    await docker.ok(['import', tar, image]);
    const before = listTree(folder);
    const differences: unknown[] = [];
    for (const each of copyCases) {
      const flags = each.follow === true ? ['-L'] : [];
      const container = await docker.ok(['create', '--network', 'host', image, '/never-run']);
      const host = freshTree('cp-host');
      const hostBefore = listTree(host);
      const out = await docker.docker(['cp', ...flags, `${container}:/${each.from}`, `${host}/${each.to}`]);
      const fromContainer = out.status === 0 ? news(host, hostBefore) : 'failure';
      const other = freshTree('cp-host');
      const put = await docker.docker(['cp', ...flags, `${other}/${each.from}`, `${container}:/${each.to}`]);
      const exported = join(tempFolder('cp').path, 'out');
      await runOk(['mkdir', exported]);
      await docker.ok(['export', '-o', `${exported}.tar`, container]);
      await runOk(['tar', '-xf', `${exported}.tar`, '-C', exported]);
      const lines = news(exported, before).filter((line) => !/^(\.dockerenv|dev|etc|proc|sys)/.test(line));
      const intoContainer = put.status === 0 ? lines : 'failure';
      await docker.ok(['rm', '-f', container]);
      for (const [way, theirs] of [
        ['out', fromContainer],
        ['in', intoContainer],
      ] as const) {
        if (JSON.stringify(theirs) !== JSON.stringify(each.gives))
          differences.push({ way, each, theirs, stderr: way === 'out' ? out.stderr : put.stderr });
      }
    }
    expect(differences).toEqual([]);
  });
});
