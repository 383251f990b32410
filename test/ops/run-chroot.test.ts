import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import type { BuildOptions } from '../../src/build.ts';
import { runStepOptionsOf } from '../../src/cli/build-runs.ts';
import { built, type Built } from '../support/built-tree.ts';
import { tsbuild, tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { sleeper, until } from '../support/holdings.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Everything made gets a time of its own, so that two builds differ in nothing but what they are asked about. */
const steps: readonly (readonly [name: string, dockerfile: readonly string[]])[] = [
  [
    'files, links and folders',
    [
      'RUN mkdir -p /a/b && echo x > /a/b/c && ln -s c /a/b/l && ln /a/b/c /a/h && chmod 4711 /a/h && find /a -exec touch -h -d @1 {} +',
    ],
  ],
  ['removals', ['RUN rm -r /root && rm /etc/group && touch -d @1 /etc']],
  [
    'other users',
    [
      'RUN mkdir /own && chown 1000:50 /own && touch -d @1 /own',
      'USER ada',
      'WORKDIR /own',
      'RUN id -un > who && touch -d @1 who .',
    ],
  ],
  [
    'mount points that the image lacks',
    ['FROM scratch', 'COPY --from=0 /bin/busybox /', 'RUN ["/busybox", "test", "-c", "/dev/null"]'],
  ],
  [
    'a dangling resolv.conf',
    [
      'RUN ln -s ../run/there/resolv.conf /etc/resolv.conf; touch -h -d @1 /etc/resolv.conf /etc || true',
      'RUN true',
    ],
  ],
  [
    'all kinds of mounts',
    [
      'RUN --mount=type=secret,id=s --mount=type=tmpfs,target=/t --mount=type=cache,target=/c --mount=type=bind,target=/ctx ' +
        'test "$(cat /run/secrets/s)" = hidden-word && touch /t/x /c/x && test -f /ctx/Dockerfile',
      'RUN --mount=type=bind,target=/ctx,rw --mount=type=cache,target=/c,readonly touch /ctx/new && test -f /c/x',
    ],
  ],
  ['a script of its own', ['RUN <<E', '#!/bin/sh', 'echo run > /etc/by; touch -d @1 /etc/by /etc', 'E']],
  [
    'files of another stage',
    [
      'RUN mkdir /made; echo x > /made/f; touch -d @1 /made/f /made',
      'FROM busybox:1',
      'RUN --mount=from=0,source=/made,target=/m cp -a /m/f /f',
      'RUN --mount=from=0,source=/made/f,target=/etc/other test -f /etc/other',
    ],
  ],
];

describe('RUN in a chroot', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:tar');
  let root: string;
  beforeAll(async () => {
    ({ root } = await tsbuildWithBusybox());
  });

  const secret = join(tempFolder('secret').path, 's');

  async function run(lines: readonly string[], options: Partial<BuildOptions> = {}): Promise<Built> {
    writeFileSync(secret, 'hidden-word');
    return built({
      context: makeContext({ Dockerfile: ['FROM busybox:1', ...lines, ''].join('\n') }),
      secrets: new Map([['s', { kind: 'file', path: secret }]]),
      root,
      noCache: true,
      ...options,
    });
  }

  it.each(steps)('makes the same layers as in namespaces: %s', async (_name, lines) => {
    const inNamespaces = await run(lines, { isolation: 'namespaces' });
    const inChroot = await run(lines, { isolation: 'chroot' });
    expect(inChroot.layers).toEqual(inNamespaces.layers);
    expect(inChroot.warnings.join('\n')).toContain('isolation fallback "chroot"');
    expect(inNamespaces.warnings.join('\n')).not.toContain('fallback');
  });

  it('is out of the way of capabilities that leave it, and of everything that ended the step’s own process', async () => {
    const left = [sleeper(), sleeper(), sleeper()] as const;
    const [plain, session, deaf] = left;
    const { output } = await run(
      [
        'RUN grep ^CapBnd /proc/self/status || echo no proc; chroot / true || echo kept',
        `RUN ${plain.line} & (setsid ${session.line} &) ; (trap "" HUP TERM; setsid sh -c "${deaf.line}; true" &) ; true`,
      ],
      { isolation: 'chroot' },
    );
    expect(output).toMatch(/no proc\n.*kept\n/s);
    for (const { pid } of left) expect(pid()).toBeUndefined();
  });

  it('leaves no process of a builder that was killed', async () => {
    const [session, shell] = [sleeper(), sleeper()];
    const context = makeContext({
      Dockerfile: `FROM busybox:1\nRUN (setsid ${session.line} &); ${shell.line}\n`,
    });
    const child = tsbuild(root).start(['build', '--isolation', 'chroot', '--no-cache', context]);
    await until(session.pid);
    await until(shell.pid);
    child.kill('SIGKILL');
    await until(() => session.pid() === undefined && shell.pid() === undefined);
  });

  it('a secret is nowhere after the step, and a step that moves or links it fails', async () => {
    const fresh = (await tsbuildWithBusybox(tempFolder('root').path)).root;
    const mount = 'RUN --mount=type=secret,id=s';
    await run([`${mount} test -f /run/secrets/s`], { isolation: 'chroot', root: fresh });
    for (const theft of [
      'ln /run/secrets/s /stolen',
      'mv /run/secrets/s /stolen',
      'mv /run/secrets /stolen',
      'mv /run /stolen',
    ]) {
      await expect(run([`${mount} ${theft}`], { isolation: 'chroot', root: fresh })).rejects.toMatchObject({
        code: 'RUN_FAILED',
        message: expect.stringContaining('/run/secrets/s') as string,
      });
    }
    expect((await runCommand(['grep', '-r', 'hidden-word', fresh])).stdout).toBe('');
  });

  it.each([
    ['moved away', 'mv /etc /etc.old && mkdir /etc && touch /etc/new'],
    ['made a link', 'mv /etc /real && ln -s /real /etc'],
    ['replaced by a link to the outside', 'mv /etc /real && ln -s /../../.. /etc'],
  ])(
    'a folder with what was placed in it, %s, is told of, and nothing else is touched',
    async (_name, command) => {
      await expect(run([`RUN ${command}`], { isolation: 'chroot' })).rejects.toMatchObject({
        code: 'RUN_FAILED',
      });
    },
  );

  it('what is taken away of it by the step is as gone as it is afterwards', async () => {
    const { output } = await run(
      ['RUN rm -rf /dev /proc /etc/hosts', 'RUN ls /dev/null /etc/hosts; ls -d /proc'],
      { isolation: 'chroot' },
    );
    expect(output).toBe('/dev/null\n/etc/hosts\n/proc\n');
  });

  it.each([['a network of its own', 'RUN --network=none true', 'HOST_UNSUPPORTED']])(
    '%s is refused in words',
    async (_name, line, code) => {
      await expect(run([line], { isolation: 'chroot' })).rejects.toMatchObject({
        code,
        hint: expect.stringContaining('seccomp=unconfined') as string,
      });
    },
  );

  it('a folder of the user is never moved into the tree: it is only to be read', async () => {
    const folder = tempFolder('volume').path;
    writeFileSync(join(folder, 'word'), 'from outside');
    const given = async (volume: string): Promise<Partial<BuildOptions>> => ({
      ...(await runStepOptionsOf({ volume: [volume] })),
      isolation: 'chroot',
    });
    const { output } = await run(['RUN cat /data/word'], await given(`${folder}:/data:ro`));
    expect(output).toContain('from outside');
    for (const more of ['', ':ro,idmap=uids=0-1-1']) {
      await expect(run(['RUN mv /data /gone'], await given(`${folder}:/data${more}`))).rejects.toMatchObject({
        code: 'HOST_UNSUPPORTED',
        hint: expect.stringContaining('seccomp=unconfined') as string,
      });
    }
    expect(readFileSync(join(folder, 'word'), 'utf8')).toBe('from outside');
  });

  it('a cache is what it was for the next step, and for one in namespaces', async () => {
    const line = (word: string): string =>
      `RUN --mount=type=cache,id=kept,target=/c echo ${word} >> /c/log; cat /c/log`;
    await run([line('one')], { isolation: 'chroot' });
    const { output } = await run([line('two')], { isolation: 'namespaces' });
    expect(output).toBe('one\ntwo\n');
    expect((await run([line('three')], { isolation: 'chroot' })).output).toBe('one\ntwo\nthree\n');
  });
});
