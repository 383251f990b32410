import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { stepOutcomes } from '../support/progress-lines.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('a RUN step', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  /** Builds lines on the busybox base and returns the progress. */
  async function build(name: string, lines: readonly string[], ...flags: string[]): Promise<string> {
    const context = makeContext({
      Dockerfile: `${['FROM busybox:1', ...lines].join('\n')}\n`,
      file: 'of the context',
    });
    const { status, stderr } = await cli.run(['build', '-t', name, ...flags, context]);
    expect(status, stderr).toBe(0);
    return stderr;
  }

  /** The entry names of each layer of an image, the base left out. */
  async function layersOf(name: string): Promise<string[][]> {
    const { path } = tempFolder('layers');
    await cli.ok(['save', '--format', 'docker', '-o', join(path, 'image.tar'), name]);
    await runOk(['tar', '-xf', join(path, 'image.tar'), '-C', path]);
    const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as [{ Layers: string[] }];
    const list = async (layer: string): Promise<string[]> =>
      (await runOk(['tar', '-tf', join(path, layer)])).split('\n');
    return Promise.all(manifest[0].Layers.slice(1).map(list));
  }

  it('L-122 leaves the difference of the file system as one layer', async () => {
    await build('layers', [
      'RUN mkdir /a && echo 1 > /a/b && rm /etc/group',
      'RUN true',
      'RUN echo 2 > /a/b',
    ]);
    expect(await layersOf('layers')).toEqual([['a/', 'a/b', 'etc/', 'etc/.wh.group'], [''], ['a/', 'a/b']]);
  });

  it('L-121 runs as the user, with that user’s groups, in the folder of WORKDIR', async () => {
    const progress = await build('user', [
      'USER ada',
      'WORKDIR /tmp/deep',
      'RUN echo "<$(id -u) $(id -G) $PWD $HOME>"',
    ]);
    expect(progress).toContain('<1000 1000 50 /tmp/deep /tmp>');
  });

  it('R-17 sees the default file systems and nothing of the host', async () => {
    const progress = await build('mounts', [
      'RUN cut -d" " -f2,3 /proc/mounts | sort | sed "s/.*/<&>/"; ls /dev | sed "s/.*/[&]/"',
    ]);
    for (const mount of [
      '/ overlay',
      '/proc proc',
      '/sys sysfs',
      '/dev tmpfs',
      '/dev/pts devpts',
      '/dev/shm tmpfs',
    ]) {
      expect(progress).toContain(`<${mount}>`);
    }
    const devices = [...progress.matchAll(/\[(\w+)\]$/gm)].map(([, name]) => name);
    expect(devices.filter((name) => /^(sd|vd|nvme|loop|mem|kmsg|fuse|kvm|tun)/.test(name ?? ''))).toEqual([]);
    expect(progress).not.toContain(cli.root);
  });

  it('S-46 sees none of the builder’s environment', async () => {
    const context = makeContext({
      Dockerfile: 'FROM busybox:1\nENV OWN=1\nRUN env | sed "s/=.*//;s/.*/<&>/"\n',
    });
    const env = { ...process.env, LEAKED: 'yes', TOKEN: 'secret' };
    const { stderr } = await cli.run(['build', context], { env });
    const names = [...stderr.matchAll(/<(\w+)>$/gm)].map(([, name]) => name).sort();
    expect(
      names.filter((name) => !['HOME', 'OWN', 'PATH', 'PWD', 'SHLVL', 'HOSTNAME'].includes(name ?? '')),
    ).toEqual([]);
  });

  it('L-129 leaves no mount point behind that it was given', async () => {
    const secret = join(tempFolder('secret').path, 's');
    writeFileSync(secret, 'x');
    const mounts =
      '--mount=type=secret,id=s,target=/new/deep/s --mount=type=tmpfs,target=/other --mount=type=cache,target=/kept';
    await build(
      'stubs',
      [`RUN ${mounts} echo x > /other/x; echo y > /kept/y; cat /new/deep/s; touch /made`],
      '--secret',
      `id=s,src=${secret}`,
    );
    expect(await layersOf('stubs')).toEqual([['made']]);
  });

  it('L-140 S-62 keeps the value of a secret out of layers, config, history and cache', async () => {
    const { path } = tempFolder('secret');
    const value = `value-${process.pid}-${'x'.repeat(40)}`;
    writeFileSync(join(path, 's'), value);
    const run =
      'RUN --mount=type=secret,id=s,required=true --mount=type=secret,id=s,env=S test "$(cat /run/secrets/s)" = "$S" && echo -n "$S" | wc -c > /length';
    const flags = ['--secret', `id=s,src=${join(path, 's')}`];
    await build('secret', [run], ...flags);
    expect(await cli.ok(['run', '--rm', 'secret', 'cat', '/length'])).toBe(String(value.length));
    const found = await runOk(['sh', '-c', 'grep -rlF -- "$1" "$0" || true', cli.root, value]);
    expect(found).toBe('');
    // Another value is no other step: the secret is not part of the key.
    writeFileSync(join(path, 's'), 'another');
    expect(stepOutcomes(await build('secret', [run], ...flags)).ran).toEqual([]);
  });

  it('L-143 keeps a cache mount between builds and out of the layer', async () => {
    const run = (mark: string): string =>
      `RUN --mount=type=cache,target=/kept echo ${mark} >> /kept/log && cp /kept/log /log`;
    await build('cache:1', [run('one')]);
    await build('cache:2', [run('two')]);
    expect(await cli.ok(['run', '--rm', 'cache:2', 'cat', '/log'])).toBe('one\ntwo');
    expect(await layersOf('cache:2')).toEqual([['log']]);
  });

  it('S-36 never takes the id of a cache mount as a path', async () => {
    const outside = tempFolder('escape').path;
    const id = `${'../'.repeat(12)}${outside.slice(1)}`;
    await build('cache-id', [
      `RUN --mount=type=cache,target=/kept,id=${id} touch /kept/file && ls -A /kept > /listed`,
    ]);
    expect(await cli.ok(['run', '--rm', 'cache-id', 'cat', '/listed'])).toBe('file');
    expect(await runOk(['find', outside, '-mindepth', '1'])).toBe('');
  });

  it('L-145 mounts deeper targets over shallower ones, in whatever order they are given', async () => {
    const mounts = '--mount=type=cache,target=/a/b,id=deep --mount=type=tmpfs,target=/a';
    const progress = await build('order', [
      `RUN ${mounts} grep -o " /a[^ ]* [a-z0-9]*" /proc/mounts | sed "s/.*/<&>/"`,
    ]);
    expect([...progress.matchAll(/< (\/a\S*) /g)].map(([, target]) => target)).toEqual(['/a', '/a/b']);
  });

  it.each([
    { what: 'environment', before: ['ENV A=1'], after: ['ENV A=2'] },
    { what: 'user', before: ['USER 0'], after: ['USER 1'] },
    { what: 'folder', before: ['WORKDIR /tmp'], after: ['WORKDIR /var'] },
    { what: 'shell', before: ['SHELL ["/bin/sh", "-c"]'], after: ['SHELL ["/bin/sh", "-ec"]'] },
  ])('L-130 S-53 runs again under another $what', async ({ what, before, after }) => {
    const run = `RUN echo ${what}; id -u`;
    const ran = (progress: string): readonly string[] =>
      stepOutcomes(progress).ran.filter((name) => name.startsWith('RUN'));
    expect(ran(await build('key', [...before, run]))).toHaveLength(1);
    expect(ran(await build('key', [...after, run]))).toHaveLength(1);
    expect(ran(await build('key', [...before, run]))).toEqual([]);
  });

  it('L-130 runs again under another network', async () => {
    const run = ['RUN ls /sys/class/net | sort | sed "s/.*/<&>/"'];
    await build('net', run);
    const progress = await build('net', run, '--network', 'none');
    expect([...progress.matchAll(/<(\w+)>/g)].map(([, name]) => name)).toEqual(['lo']);
  });

  it('L-169 L-229 copies into new folders of mode 755, without the builder’s owners', async () => {
    const context = makeContext({
      Dockerfile: 'FROM busybox:1\nCOPY tree /new/deep\n',
      'tree/a': 'a',
      'tree/sub/b': 'b',
    });
    await runOk(['sh', '-c', 'chown -R 1234:1234 tree && chmod 640 tree/a && ln -s nowhere tree/link', ''], {
      cwd: context,
    });
    await cli.ok(['build', '-t', 'copied', context]);
    const listed = await cli.ok([
      'run',
      '--rm',
      'copied',
      'sh',
      '-c',
      'stat -c "%a %u:%g %n" /new /new/deep /new/deep/*; readlink /new/deep/link',
    ]);
    expect(listed.split('\n')).toEqual([
      ...[
        '755 0:0 /new',
        '755 0:0 /new/deep',
        '640 0:0 /new/deep/a',
        '777 0:0 /new/deep/link',
        '755 0:0 /new/deep/sub',
        'nowhere',
      ],
    ]);
  });

  it('L-221 L-223 takes the Dockerfile that -f names, and the ignore file beside it', async () => {
    const context = makeContext({
      '.dockerignore': 'general',
      'ci/Special': 'FROM busybox:1\nCOPY . /in\n',
      'ci/Special.dockerignore': 'special\nci',
      ...{ general: 'g', special: 's' },
    });
    await cli.ok(['build', '-t', 'named', '-f', join(context, 'ci/Special'), context]);
    expect(await cli.ok(['run', '--rm', 'named', 'ls', '-A', '/in'])).toBe('.dockerignore\ngeneral');
    await cli.ok(['build', '-t', 'piped', '-f', '-', context], { input: 'FROM busybox:1\nCOPY . /in\n' });
    expect(await cli.ok(['run', '--rm', 'piped', 'ls', '-A', '/in'])).toBe('.dockerignore\nci\nspecial');
  });

  it('L-228 does not apply the ignore file to COPY --from', async () => {
    const lines = [
      'FROM busybox:1 AS made',
      'RUN echo made > /output.log',
      'FROM busybox:1',
      'COPY --from=made /*.log /',
    ];
    const context = makeContext({ Dockerfile: lines.join('\n'), '.dockerignore': '*.log\nDockerfile' });
    await cli.ok(['build', '-t', 'from', context]);
    expect(await cli.ok(['run', '--rm', 'from', 'cat', '/output.log'])).toBe('made');
  });

  it('S-57 resolves WORKDIR and COPY destinations inside the image, whatever links are there', async () => {
    const { path } = tempFolder('outside');
    mkdirSync(join(path, 'target'));
    const escape = '../'.repeat(12) + path.slice(1);
    await build('links', [
      `RUN ln -s ${path}/target /absolute && ln -s ${escape}/target /relative && mkdir -p ${path}/target`,
      'WORKDIR /absolute/made',
      'WORKDIR /relative/made-too',
      'COPY file /absolute/copied',
    ]);
    expect(await runOk(['find', path, '-mindepth', '1'])).toBe(join(path, 'target'));
    const inside = await cli.ok(['run', '--rm', 'links', 'find', path, '-mindepth', '1']);
    const expected = ['target', 'target/copied', 'target/made', 'target/made-too'];
    expect(inside.split('\n').sort()).toEqual(expected.map((name) => join(path, name)));
  });

  it('S-77 gives the same layers with one job and with eight', async () => {
    const stages = Array.from({ length: 6 }, (_, n) => [
      `FROM busybox:1 AS s${n}`,
      `RUN sleep 0.${6 - n}; mkdir /o; touch -d @${n} /o/${n} /o`,
    ]);
    const copies = Array.from({ length: 6 }, (_, n) => `COPY --from=s${n} /o/${n} /`);
    const context = makeContext({ Dockerfile: [...stages.flat(), 'FROM scratch', ...copies].join('\n') });
    const layers = async (jobs: string): Promise<string[][]> => {
      await cli.ok(['build', '--no-cache', '--jobs', jobs, '-t', 'jobs', context]);
      const [inspected] = JSON.parse(await cli.ok(['inspect', 'jobs'])) as [{ RootFS: { Layers: string[] } }];
      return [inspected.RootFS.Layers, ...(await layersOf('jobs'))];
    };
    const sequential = await layers('1');
    expect(sequential[0]).toHaveLength(6);
    expect(await layers('8')).toEqual(sequential);
  });

  it('goes on in the same build after a file of the context was replaced by another', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nCOPY a b /in/\n', a: '1', b: '2' });
    await cli.ok(['build', '-t', 'swap', context]);
    writeContext(context, { a: '2', b: '1' });
    await cli.ok(['build', '-t', 'swap', context]);
    expect(await cli.ok(['run', '--rm', 'swap', 'cat', '/in/a', '/in/b'])).toBe('21');
  });
});
