import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';

import { busyboxTar } from '../support/busybox.ts';
import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';

interface ImageLine {
  readonly Repository: string;
  readonly Tag: string;
  readonly ID: string;
  readonly Digest: string;
  readonly CreatedAt: string;
  readonly CreatedSince: string;
  readonly Size: string;
}

async function images(cli: Tsbuild, ...flags: readonly string[]): Promise<readonly ImageLine[]> {
  const text = await cli.ok(['images', '--format', 'json', ...flags]);
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ImageLine]));
}

const namesOf = (lines: readonly ImageLine[]): readonly string[] =>
  lines.map(({ Repository, Tag }) => `${Repository}:${Tag}`).sort();

/** Bytes below a folder, as the disk counts them. */
async function diskUse(folder: string): Promise<number> {
  return Number((await runOk(['du', '-s', '--block-size=1', folder])).split('\t')[0]);
}

describe('commands about images', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  async function build(name: string, dockerfile: string): Promise<string> {
    return cli.ok([
      'build',
      '-q',
      '-t',
      name,
      makeContext({ Dockerfile: `FROM busybox:1\n${dockerfile}\n` }),
    ]);
  }

  it('C-70 images lists names, ids, ages and sizes, newest first', async () => {
    const id = await build('localhost:5000/team/app:1.0', 'RUN head -c 1500000 /dev/zero > /zeros');
    const table = (await cli.ok(['images'])).split('\n');
    expect(table[0]).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
    expect(table[1]).toMatch(
      new RegExp(`^localhost:5000/team/app +1\\.0 +${id.slice(7, 19)} +\\d+ seconds? ago +\\d(\\.\\d+)?MB$`),
    );
    const [newest] = await images(cli, '--no-trunc');
    expect(newest).toMatchObject({ Repository: 'localhost:5000/team/app', Tag: '1.0', ID: id });
    expect(newest?.Digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(Date.parse(newest?.CreatedAt ?? '')).toBeLessThanOrEqual(Date.now());
    expect((await cli.ok(['images', '-q'])).split('\n')).toContain(id.slice(7, 19));
    expect((await cli.ok(['images', '-q', '--no-trunc'])).split('\n')).toContain(id);
    await cli.ok(['rmi', 'localhost:5000/team/app:1.0']);
  });

  it('C-70 images shows an image that lost its name as <none>, and an image with two names twice', async () => {
    const first = await build('moves', 'LABEL version=1');
    await build('moves', 'LABEL version=2');
    await cli.ok(['tag', 'moves', 'copy:2']);
    expect(namesOf(await images(cli))).toEqual(['<none>:<none>', 'busybox:1', 'copy:2', 'moves:latest']);
    expect(await cli.ok(['images'])).toMatch(new RegExp(`^<none> +<none> +${first.slice(7, 19)} `, 'm'));
    expect((await cli.ok(['images', '-q'])).split('\n')).toHaveLength(3);
    expect(await cli.ok(['run', '--rm', first, 'echo', 'still runs'])).toBe('still runs');
    await cli.ok(['rmi', first, 'moves', 'copy:2']);
    expect(namesOf(await images(cli))).toEqual(['busybox:1']);
  });

  it('C-70 images of an empty store are headings, or no json at all', async () => {
    const empty = tsbuild();
    expect(await empty.ok(['images'])).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
    expect(await empty.ok(['images', '--format', 'json'])).toBe('');
    expect(await empty.ok(['images', '-q'])).toBe('');
  });

  it('C-70 tag gives a further name to a name, an id or a prefix of it', async () => {
    const id = await build('tagged', 'LABEL tagged=yes');
    await cli.ok(['tag', 'tagged', 'one']);
    await cli.ok(['tag', id, 'two:2']);
    await cli.ok(['tag', id.slice(7, 20), 'localhost:5000/three']);
    const [found] = JSON.parse(await cli.ok(['inspect', id])) as [{ RepoTags: string[] }];
    expect(found.RepoTags.toSorted()).toEqual([
      'localhost:5000/three:latest',
      'one:latest',
      'tagged:latest',
      'two:2',
    ]);
    for (const [image, name, status, code] of [
      ['nobody', 'x', 1, 'IMAGE_NOT_FOUND'],
      ['tagged', 'Upper', 2, 'REFERENCE_INVALID'],
      ['tagged', `x@${id}`, 2, 'REFERENCE_INVALID'],
    ] as const) {
      const result = await cli.run(['tag', image, name]);
      expect(result.status).toBe(status);
      expect(result.stderr).toContain(`[${code}]`);
    }
    await cli.ok(['rmi', '-f', id]);
  });

  it('C-70 rmi takes a name away, and the image with the last one', async () => {
    const id = await build('removed', 'LABEL removed=soon');
    await cli.ok(['tag', 'removed', 'also']);
    expect(await cli.ok(['rmi', 'also'])).toBe('Untagged: also:latest');
    expect(await cli.ok(['rmi', 'removed:latest'])).toBe(`Untagged: removed:latest\nDeleted: ${id}`);
    const gone = await cli.run(['rmi', 'removed']);
    expect(gone).toMatchObject({ status: 1, stdout: '' });
    expect(gone.stderr).toContain('no such image: removed [IMAGE_NOT_FOUND]');
  });

  it('C-70 rmi of an id with several names needs --force', async () => {
    const id = await build('several', 'LABEL several=names');
    await cli.ok(['tag', 'several', 'names']);
    const refused = await cli.run(['rmi', id]);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /has several names \[IMAGE_IN_USE\]\n {2}hint: .*names:latest, several:latest.*--force/,
    );
    expect(await cli.ok(['rmi', '--force', id])).toBe(
      `Untagged: names:latest\nUntagged: several:latest\nDeleted: ${id}`,
    );
  });

  it('C-70 rmi refuses what a container uses: a stopped one yields to --force, a running one never', async () => {
    await build('used', 'LABEL used=yes');
    await cli.ok(['run', '-d', '--name', 'user', 'used', 'sleep', '1000']);
    for (const flags of [[], ['-f']]) {
      const refused = await cli.run(['rmi', ...flags, 'used']);
      expect(refused).toMatchObject({ status: 1, stdout: '' });
      expect(refused.stderr).toContain('it is used by container user (running) [IMAGE_IN_USE]');
    }
    await cli.ok(['stop', '-t', '0', 'user']);
    expect((await cli.run(['rmi', 'used'])).stderr).toMatch(
      /container user \(exited\) \[IMAGE_IN_USE\]\n {2}hint: .*--force/,
    );
    await cli.ok(['rmi', '-f', 'used']);
    // What the container stands on stays until it goes.
    expect(await cli.ok(['inspect', 'user', '--format', 'json'])).toContain('"Name":"/user"');
    await cli.ok(['rm', 'user']);
  });

  it('C-70 rmi goes on after one that fails, and tells each', async () => {
    await build('keeps-going', 'LABEL keeps=going');
    const { status, stdout, stderr } = await cli.run(['rmi', 'nope', 'keeps-going', 'neither']);
    expect(status).toBe(1);
    expect(stdout).toContain('Untagged: keeps-going:latest');
    expect(stderr.match(/IMAGE_NOT_FOUND/g)).toHaveLength(2);
  });

  it('C-70 rmi gives the disk back, of an image that ran, too', async () => {
    const own = tsbuild();
    await own.ok(['images']);
    const empty = await diskUse(own.root);
    for (const ran of [false, true]) {
      await own.ok(['import', await busyboxTar(), 'big']);
      if (ran) await own.ok(['run', '--rm', 'big', 'true']);
      expect((await diskUse(own.root)) - empty).toBeGreaterThan(1_500_000);
      await own.ok(['rmi', 'big']);
      expect((await diskUse(own.root)) - empty).toBeLessThan(200_000);
    }
    expect(readdirSync(own.root).length).toBeGreaterThan(0);
  });

  it('C-70 rmi keeps what other images need', async () => {
    await build('child', 'RUN echo child > /child');
    const own = await cli.ok(['images', '-q', '--no-trunc']);
    await cli.ok(['tag', 'busybox:1', 'kept-aside']);
    await cli.ok(['rmi', 'busybox:1']);
    expect(await cli.ok(['run', '--rm', 'child', 'cat', '/child'])).toBe('child');
    await cli.ok(['tag', 'kept-aside', 'busybox:1']);
    await cli.ok(['rmi', 'kept-aside', 'child']);
    expect(own.split('\n')).toHaveLength(2);
  });

  it('C-70 inspect shows an image under docker’s names', async () => {
    const dockerfile = [
      'LABEL maintainer=ada',
      'ENV A=b',
      'EXPOSE 80/tcp',
      'WORKDIR /w',
      'USER ada',
      'STOPSIGNAL SIGINT',
      'VOLUME /data',
      'ENTRYPOINT ["e"]',
      'CMD ["c"]',
    ].join('\n');
    const id = await build('inspected', dockerfile);
    const [found] = JSON.parse(await cli.ok(['inspect', 'inspected'])) as [{ RootFS: { Layers: string[] } }];
    expect(found).toMatchObject({
      Id: id,
      RepoTags: ['inspected:latest'],
      RepoDigests: [],
      Architecture: process.arch === 'x64' ? 'amd64' : 'arm64',
      Os: 'linux',
      Config: {
        ...{ User: 'ada', WorkingDir: '/w', Entrypoint: ['e'], Cmd: ['c'], StopSignal: 'SIGINT' },
        ...{ Labels: { maintainer: 'ada' }, ExposedPorts: { '80/tcp': {} }, Volumes: { '/data': {} } },
      },
      RootFS: { Type: 'layers' },
      Size: expect.any(Number) as number,
    });
    expect(found.RootFS.Layers).toHaveLength(2);
    const both = JSON.parse(await cli.ok(['inspect', 'inspected', 'busybox:1'])) as { RepoTags: string[] }[];
    expect(both.map(({ RepoTags }) => RepoTags[0])).toEqual(['inspected:latest', 'busybox:1']);
    expect(
      (await cli.ok(['inspect', '--format', 'json', 'inspected', 'busybox:1'])).split('\n'),
    ).toHaveLength(2);
    await cli.ok(['rmi', 'inspected']);
  });

  it('C-70 inspect of something unknown fails, and shows the others', async () => {
    const { status, stdout, stderr } = await cli.run(['inspect', 'nope', 'busybox:1']);
    expect(status).toBe(1);
    expect(stderr).toBe(
      'tsbuild: no such image or container: nope [IMAGE_NOT_FOUND]\n  hint: tsbuild images and tsbuild ps -a list what there is\n',
    );
    expect(JSON.parse(stdout)).toMatchObject([{ RepoTags: ['busybox:1'] }]);
    expect(await cli.run(['inspect', 'Nope'])).toMatchObject({ status: 2, stdout: '[]\n' });
  });

  it('C-70 history tells each step, newest first, short or whole', async () => {
    const long = `RUN echo ${'long '.repeat(20)}> /long`;
    const id = await build('history', `ENV A=b\n${long}\nCMD ["x"]`);
    const table = (await cli.ok(['history', 'history'])).split('\n');
    expect(table[0]).toMatch(/^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
    expect(table).toHaveLength(5);
    expect(table[1]).toMatch(new RegExp(`^${id.slice(7, 19)} +\\d+ seconds? ago +CMD \\["x"\\] +0B +`));
    expect(table[2]).toMatch(/^<missing> +.* RUN \/bin\/sh -c echo long long.{0,20}… +\d/);
    const whole = await cli.ok(['history', '--no-trunc', 'history']);
    expect(whole).toContain(long.replace('RUN ', '/bin/sh -c '));
    expect(whole).toContain(id);
    const lines = (await cli.ok(['history', '--no-trunc', '--format', 'json', 'history'])).split('\n');
    const rows = lines.map((line) => JSON.parse(line) as { ID: string; CreatedBy: string; Size: string });
    expect(rows[0]).toMatchObject({ ID: id, CreatedBy: 'CMD ["x"]', Size: '0B' });
    expect(rows[1]?.CreatedBy).toContain('long '.repeat(20));
    expect((await cli.ok(['history', '-q', 'history'])).split('\n')).toEqual([
      ...[id.slice(7, 19), '<missing>', '<missing>', '<missing>'],
    ]);
    expect(await cli.run(['history', 'nope'])).toMatchObject({ status: 1, stdout: '' });
    await cli.ok(['rmi', 'history']);
  });

  it('S-78 an image cannot steer the terminal by what it says of itself', async () => {
    const evil = '\u001b]0;owned\u0007\u001b[2J';
    await cli.ok([
      'build',
      '-t',
      'evil',
      makeContext({ Dockerfile: `FROM busybox:1\nLABEL a="${evil}"\nCMD ["${evil}"]\n` }),
    ]);
    await cli.ok(['run', '--name', 'evil', 'evil', 'true']);
    for (const argv of [['history', 'evil'], ['history', '--no-trunc', 'evil'], ['ps', '-a'], ['images']])
      expect(await cli.ok(argv)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    await cli.ok(['rm', 'evil']);
    await cli.ok(['rmi', 'evil']);
  });
});
