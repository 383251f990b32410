import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { debianBaseName, type DockerClient } from '../support/docker-engine.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { diffTrees, treeOfTar, type IntendedDifference, type TreeEntry } from '../support/tree.ts';

/** The fields that say how an image runs; the rest of `docker inspect` is about Docker. */
const configFields = [
  'User',
  'ExposedPorts',
  'Env',
  'Cmd',
  'Healthcheck',
  'Volumes',
  'WorkingDir',
  'Entrypoint',
].concat(['OnBuild', 'Labels', 'StopSignal', 'Shell']);

const everywhere: IntendedDifference[] = [
  {
    path: /^(\.dockerenv|dev\/.*|etc\/(hosts|hostname|resolv\.conf|mtab))$/,
    because: 'docker export adds mount points',
  },
  {
    path: /^etc\/(passwd|group|shadow|gshadow|subuid|subgid)-$/,
    because: 'useradd keeps copies, whose times differ',
  },
];
/** Both builders of 20.10 leave an archive's entries to the owners it names; since 0.23 BuildKit does as told. */
const ownedByFlag = /^srv\/app\/unpacked\/in/;
everywhere.push({ path: ownedByFlag, because: '--chown holds for all entries of an archive' });
const ofClassic: IntendedDifference[] = [
  {
    path: /^srv\/app\/unpacked$/,
    because: 'the classic builder gives --chown to no folder that ADD makes for an archive',
  },
];
const ofBuildKit: IntendedDifference[] = [
  { path: /^srv\/app\/pipe$/, because: 'the BuildKit of 20.10 leaves out fifos' },
];

describe('thirty instructions', () => {
  requires('root', 'overlay', 'docker', 'debian-base', 'tool:getfattr');
  const fixture = join(projectRoot, 'fixtures/thirty');
  let docker: DockerClient;
  let cli: Tsbuild;
  let tree: TreeEntry[];

  beforeAll(async () => {
    docker = await dockerEngine();
    cli = tsbuild();
    const { path } = tempFolder('thirty');
    // The very same base on both sides: its config counts too.
    await docker.ok(['save', '-o', join(path, 'base.tar'), debianBaseName]);
    await cli.ok(['load', '-i', join(path, 'base.tar')]);
    await cli.ok(['build', '-t', 'thirty:ours', fixture]);
    await cli.ok(['save', '-o', join(path, 'ours.tar'), 'thirty:ours']);
    await docker.ok(['load', '-i', join(path, 'ours.tar')]);
    tree = await exported('thirty:ours');
  });

  async function exported(image: string): Promise<TreeEntry[]> {
    const { path } = tempFolder('rootfs');
    await docker.exportRootfs(image, join(path, 'rootfs.tar'));
    return treeOfTar(join(path, 'rootfs.tar'));
  }

  async function config(image: string): Promise<Record<string, unknown>> {
    const inspected = await docker.inspect(image);
    const { Author, Architecture, Os } = inspected;
    const fields = inspected['Config'] as Record<string, unknown>;
    return {
      Author,
      Architecture,
      Os,
      ...Object.fromEntries(configFields.map((name) => [name, fields[name]])),
    };
  }

  describe.each([
    { builder: 'BuildKit', buildkit: true, intended: ofBuildKit },
    { builder: 'the classic builder', buildkit: false, intended: ofClassic },
  ])('as $builder makes them', ({ buildkit, intended }) => {
    const theirs = `thirty:${buildkit ? 'buildkit' : 'classic'}`;
    beforeAll(async () => {
      await docker.build(fixture, { buildkit, tag: theirs });
    });

    it('give the same config, field by field', async () => {
      expect(await config('thirty:ours')).toEqual(await config(theirs));
    });

    it('give the same files, entry by entry', async () => {
      expect(diffTrees(await exported(theirs), tree, [...everywhere, ...intended])).toEqual([]);
    });
  });

  it('L-175 unpack an archive with the owner of --chown', () => {
    const owners = tree.filter(({ path }) => ownedByFlag.test(path)).map(({ path, owner }) => [path, owner]);
    expect(owners).toEqual([
      ['srv/app/unpacked/in', '4711:0'],
      ['srv/app/unpacked/in/deep', '4711:0'],
      ['srv/app/unpacked/in/deep/file', '4711:0'],
      ['srv/app/unpacked/in/link', '4711:0'],
    ]);
  });

  it('L-204 have an entry of history each after that of the base, but for ONBUILD, as in BuildKit', async () => {
    const text = readFileSync(join(fixture, 'Dockerfile'), 'utf8');
    const ofLastStage = text.slice(text.lastIndexOf('\nFROM ') + 6).match(/^(?!ONBUILD)[A-Z]+ /gm) ?? [];
    const history = (await docker.ok(['history', '-q', 'thirty:ours'])).split('\n');
    expect(history).toHaveLength(ofLastStage.length + 1);
  });
});
