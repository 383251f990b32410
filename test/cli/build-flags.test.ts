import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { inspectImage } from '../support/inspect-image.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('flags of build', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  const inspect = (name: string) => inspectImage(cli, name);

  /** What the RUN steps of a build print, without step numbers and times. */
  async function printed(dockerfile: string, ...flags: readonly string[]): Promise<readonly string[]> {
    const context = makeContext({ Dockerfile: dockerfile });
    const { status, stderr } = await cli.run(['build', ...flags, context]);
    expect(status, stderr).toBe(0);
    return stderr.split('\n').flatMap((line) => /^#\d+ \d+\.\d+ (.*)$/.exec(line)?.[1] ?? []);
  }

  it('C-03 -t gives several names, each in full', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nLABEL names=several\n' });
    const names = [
      'plain',
      'other:1.0',
      'localhost:5000/team/app',
      'docker.io/library/official:2',
      'user/x:y',
    ];
    const { stderr } = await cli.run(['build', ...names.flatMap((name) => ['-t', name]), context]);
    const familiar = [
      'plain:latest',
      'other:1.0',
      'localhost:5000/team/app:latest',
      'official:2',
      'user/x:y',
    ];
    for (const name of familiar) expect(stderr).toContain(`\n  as ${name}\n`);
    expect((await inspect('plain')).RepoTags.toSorted()).toEqual(familiar.toSorted());
    const again = makeContext({ Dockerfile: 'FROM busybox:1\nLABEL names=moved\n' });
    await cli.ok(['build', '--tag=plain', again]);
    expect((await inspect('plain:latest')).RepoTags).toEqual(['plain:latest']);
    expect((await inspect('other:1.0')).RepoTags).not.toContain('plain:latest');
  });

  it.each(['App', 'a b', 'x:', 'a@sha256:12', 'http://host/x', ''])(
    'C-03 refuses the name "%s" before anything runs',
    async (name) => {
      const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo ran\n' });
      const { status, stderr } = await cli.run(['build', '-t', 'fine', '-t', name, context]);
      expect(status).toBe(2);
      expect(stderr).toMatch(/^tsbuild: .*\[REFERENCE_INVALID\]/);
    },
  );

  it('C-02 L-221 -f names a Dockerfile: relative to here, outside the context, or standard input', async () => {
    const context = makeContext({
      file: 'in the context\n',
      'sub/Other': 'FROM busybox:1\nCOPY file /from-sub\n',
    });
    const outside = makeContext({ 'My.Dockerfile': 'FROM busybox:1\nCOPY file /from-outside\n' });
    const here = { cwd: context };
    await cli.ok(['build', '-t', 'f:sub', '-f', 'sub/Other', '.'], here);
    await cli.ok(['build', '-t', 'f:outside', '-f', join(outside, 'My.Dockerfile'), '.'], here);
    const input = 'FROM busybox:1\nCOPY file /from-stdin\n';
    await cli.ok(['build', '-t', 'f:stdin', '-f', '-', context], { input });
    for (const [tag, path] of Object.entries({ sub: 'sub', outside: 'outside', stdin: 'stdin' }))
      expect(await cli.ok(['run', '--rm', `f:${tag}`, 'cat', `/from-${path}`])).toBe('in the context');
    const broken = await cli.run(['build', '-f', '-', context], { input: 'FROM busybox:1\nCPY a b\n' });
    expect(broken).toMatchObject({ status: 3 });
    expect(broken.stderr).toContain('stdin:2');
  });

  it('L-221 finds dockerfile, too, and prefers Dockerfile; other names never fall back', async () => {
    const lower = makeContext({ dockerfile: 'FROM busybox:1\nLABEL from=lower\n' });
    await cli.ok(['build', '-t', 'lower', lower]);
    expect((await inspect('lower')).Config.Labels).toEqual({ from: 'lower' });
    writeFileSync(join(lower, 'Dockerfile'), 'FROM busybox:1\nLABEL from=upper\n');
    await cli.ok(['build', '-t', 'lower', lower]);
    expect((await inspect('lower')).Config.Labels).toEqual({ from: 'upper' });
    const missing = await cli.run(['build', '-f', 'Nope', lower], { cwd: lower });
    expect(missing).toMatchObject({ status: 3 });
    expect(missing.stderr).toContain('Nope');
  });

  it('L-220 says that a file, an archive or nothing is no context', async () => {
    const folder = makeContext({ Dockerfile: 'FROM scratch\n' });
    for (const context of [join(folder, 'Dockerfile'), join(folder, 'nope')]) {
      const { status, stderr } = await cli.run(['build', context]);
      expect(status).toBe(4);
      expect(stderr).toContain(`${context} is not a folder [CONTEXT_NOT_FOUND]`);
    }
  });

  it('C-04 L-086 --build-arg sets an ARG, to the value of the environment when it has none', async () => {
    const dockerfile = 'FROM busybox:1\nARG A=default\nARG B\nARG C=kept\nRUN echo "$A|$B|$C|${D-unset}"\n';
    const context = makeContext({ Dockerfile: dockerfile });
    const flags = ['--build-arg', 'A=x=y z', '--build-arg', 'B', '--build-arg', 'C'];
    const env = { ...process.env, B: 'from here', C: undefined };
    const { stderr } = await cli.run(['build', ...flags, context], { env });
    expect(stderr).toContain(' x=y z|from here|kept|unset\n');
  });

  it('L-087 warns of a build-arg that no ARG takes', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nARG VERSION\n' });
    const { status, stderr } = await cli.run(['build', '--build-arg', 'VERSOIN=1', context]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warning: .*VERSOIN.*VERSION/m);
  });

  it('C-05 --target stops at a stage, by name, and runs nothing else', async () => {
    const dockerfile = [
      'FROM busybox:1 AS first',
      'RUN echo in first',
      'FROM first AS Second',
      'RUN echo in second',
      'FROM first',
      'RUN echo in last',
    ].join('\n');
    expect(await printed(dockerfile, '--no-cache', '--target', 'first')).toEqual(['in first']);
    expect(await printed(dockerfile, '--no-cache', '--target', 'SECOND')).toEqual(['in first', 'in second']);
    expect(await printed(dockerfile, '--no-cache')).toEqual(['in first', 'in last']);
    const wrong = await cli.run(['build', '--target', 'secnod', makeContext({ Dockerfile: dockerfile })]);
    expect(wrong).toMatchObject({ status: 3 });
    expect(wrong.stderr).toMatch(/\[STAGE_NOT_FOUND\]\n {2}hint: .*second/i);
  });

  it('C-18 --label is applied last', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nLABEL a=file b=file\n' });
    await cli.ok(['build', '-t', 'labels', '--label', 'a=flag', '--label=c=', '--label', 'd', context]);
    expect((await inspect('labels')).Config.Labels).toEqual({ a: 'flag', b: 'file', c: '', d: '' });
  });

  it('C-19 --network none leaves the loopback only, host has the machine’s own, default one of the step’s own', async () => {
    const print = 'readlink /proc/self/ns/net; ls /sys/class/net';
    const dockerfile = (why: string): string => `FROM busybox:1\n# ${why}\nRUN ${print}\n`;
    const own = readlinkSync('/proc/self/ns/net');
    const printedIn = async (mode: string, ...flags: readonly string[]): Promise<readonly string[]> => {
      const [namespace, ...links] = await printed(dockerfile(mode), '--no-cache', ...flags);
      return [namespace === own ? 'shared' : 'apart', ...links];
    };
    expect(await printedIn('none', '--network', 'none')).toEqual(['apart', 'lo']);
    expect((await printedIn('host', '--network', 'host'))[0]).toBe('shared');
    expect(await printedIn('unsaid')).toEqual(['apart', 'eth0', 'lo']);
    expect(await printedIn('default', '--network', 'default')).toEqual(['apart', 'eth0', 'lo']);
    const help = await cli.ok(['build', '--help']);
    expect(help.replaceAll(/\s+/g, ' ')).toContain("network of RUN steps: one of each step's own");
  });

  it('C-15 --secret is seen by its RUN step only, from a file or a variable', async () => {
    const { path } = tempFolder('secret');
    writeFileSync(join(path, 'token'), 'of the file');
    const dockerfile = [
      'FROM busybox:1',
      'RUN --mount=type=secret,id=one wc -c < /run/secrets/one',
      'RUN --mount=type=secret,id=two,env=TWO echo ${#TWO} long',
      'RUN ls /run/secrets 2>/dev/null || echo no secrets',
    ].join('\n');
    const context = makeContext({ Dockerfile: dockerfile });
    const flags = ['--secret', `id=one,src=${join(path, 'token')}`, '--secret', 'id=two,env=SECRET_TWO'];
    const env = { ...process.env, SECRET_TWO: 'of the variable' };
    const { status, stderr } = await cli.run(['build', '-t', 'secrets', ...flags, context], { env });
    expect(status, stderr).toBe(0);
    for (const text of ['11', '15 long', 'no secrets']) expect(stderr).toContain(` ${text}\n`);
    const archive = join(path, 'image.tar');
    await cli.ok(['save', '-o', archive, 'secrets']);
    expect(readFileSync(archive, 'latin1')).not.toMatch(/of the (file|variable)/);
    const missing = await cli.run(['build', '--secret', 'id=one,src=/no/such', context]);
    expect(missing).toMatchObject({ status: 2 });
    expect(missing.stderr).toContain('[SECRET_INVALID]');
  });

  it('C-43 --jobs 1 runs independent stages one after the other', async () => {
    const stage = (name: string): string =>
      `FROM busybox:1 AS ${name}\nRUN echo ${name} begins; sleep 0.2; echo ${name} ends\n`;
    const dockerfile = `${stage('a')}${stage('b')}FROM busybox:1\nCOPY --from=a /etc/passwd /a\nCOPY --from=b /etc/passwd /b\n`;
    const lines = await printed(dockerfile, '--no-cache', '--jobs', '1');
    expect(lines.map((line) => line.split(' ')[1])).toEqual(['begins', 'ends', 'begins', 'ends']);
  });

  it('C-14 --platform is accepted when it is this machine’s, refused when it is none', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
    await cli.ok(['build', '--platform', process.arch === 'x64' ? 'linux/amd64' : 'linux/arm64', context]);
    const { status, stderr } = await cli.run(['build', '--platform', 'no/such/plat/form', context]);
    expect(status, stderr).not.toBe(0);
    expect(stderr).not.toMatch(/internal error/);
  });

  it('C-08 --pull asks the registry for a base that the store has', async () => {
    await cli.ok(['tag', 'busybox:1', '127.0.0.1:1/there:1']);
    const context = makeContext({ Dockerfile: 'FROM 127.0.0.1:1/there:1\n' });
    await cli.ok(['build', context]);
    const { status, stderr } = await cli.run(['build', '--pull', context]);
    expect(status).toBe(6);
    expect(stderr).toContain('[REGISTRY_UNREACHABLE]');
  });
});
