import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import type { BuildOptions } from '../../src/build.ts';
import { built, treeLines, type Built } from '../support/built-tree.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

let root: string;

/** Builds these lines on busybox; files made below /out are what is looked at. */
function run(lines: readonly string[], options: Partial<BuildOptions> = {}): Promise<Built> {
  const context = makeContext({ Dockerfile: ['FROM busybox:1', ...lines, ''].join('\n') });
  return built({ context, root, ...options });
}

async function failure(lines: readonly string[], options?: Partial<BuildOptions>): Promise<unknown> {
  return run(lines, options).then(
    () => 'built',
    (error: unknown) => error,
  );
}

describe('RUN', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:getfattr', 'tool:tar');
  beforeAll(async () => {
    ({ root } = await tsbuildWithBusybox());
  });

  it('L-121 L-197 runs as the user, in a working directory that is made and stays', async () => {
    const made = await run([
      'USER ada',
      'WORKDIR /made/by/workdir',
      'RUN id -u; id -G; pwd; tty; cat; echo "$HOME"; touch here',
      'USER 4711:50',
      'RUN id -u; id -G',
    ]);
    expect(made.output.split('\n')).toEqual([
      '1000',
      '1000 50',
      '/made/by/workdir',
      'not a tty',
      '/tmp',
      '4711',
      '50',
      '',
    ]);
    const lines = treeLines(await made.tree());
    expect(lines).toContain('made/by/workdir 755 1000:1000 directory');
    expect(lines).toContain('made/by/workdir/here 644 1000:1000');
  });

  it('L-132 shows all of an output, however long', async () => {
    const { output } = await run(['RUN yes 0123456789abcde | head -n 200000']);
    expect(output).toBe('0123456789abcde\n'.repeat(200_000));
  });

  it('L-121 S-46 sees the variables of the image and the ARGs, and none of the host', async () => {
    process.env['LEAKS_TO_RUN'] = 'host';
    const buildArgs = new Map([
      ['GIVEN', 'given'],
      ['http_proxy', 'http://proxy:1'],
    ]);
    const lines = ['ENV A=1', 'ARG GIVEN', 'ARG UNSET', 'RUN ["env"]'];
    const { output } = await run(lines, { buildArgs });
    delete process.env['LEAKS_TO_RUN'];
    const expected = ['A=1', 'GIVEN=given', 'HOME=/root'];
    expect(output.trim().split('\n').sort()).toEqual([
      ...expected,
      'HTTP_PROXY=http://proxy:1',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'http_proxy=http://proxy:1',
    ]);
  });

  it('L-088 L-130 proxies and their values count for no key', async () => {
    const lines = ['RUN echo "$https_proxy" > /seen'];
    const first = await run(lines, { buildArgs: new Map([['https_proxy', 'one']]) });
    const second = await run(lines, { buildArgs: new Map([['https_proxy', 'two']]) });
    expect([first.ran.length, second.ran, second.id]).toEqual([1, [], first.id]);
  });

  it.each([
    {
      line: 'RUN exit 7',
      message: 'process "/bin/sh -c exit 7" did not complete successfully: exit code: 7',
      hint: undefined,
    },
    { line: 'RUN no-such-program', message: /exit code: 127$/, hint: /not found/ },
    { line: 'RUN /etc/passwd', message: /exit code: 126$/, hint: /cannot be executed/ },
    { line: 'RUN exit 139', message: /exit code: 139$/, hint: /crashed/ },
    { line: 'RUN exit 137', message: /exit code: 137$/, hint: /memory/ },
    { line: 'RUN ["no-such-program"]', message: /^process "no-such-program" could not start: /, hint: /./ },
    { line: 'RUN ["/etc/passwd"]', message: /^process "\/etc\/passwd" could not start: /, hint: /./ },
    { line: 'SHELL ["/none"]\nRUN true', message: /^process "\/none true" could not start: /, hint: /./ },
  ])('L-123 says how $line failed', async ({ line, message, hint }) => {
    const error = await failure([line]);
    expect(error).toMatchObject({ code: 'RUN_FAILED', exitStatus: 5 });
    expect(error).toMatchObject(
      typeof message === 'string' ? { message } : { message: expect.stringMatching(message) as string },
    );
    expect(error).toMatchObject({
      hint: hint === undefined ? undefined : (expect.stringMatching(hint) as string),
    });
    expect(error).toMatchObject({ at: { lines: [line.split('\n').at(-1)] } });
  });

  it('L-124 --network=none has nothing but a loopback, which is up', async () => {
    const { output } = await run([
      'RUN --network=none ls /sys/class/net; ip addr show lo | grep -c "inet 127.0.0.1"',
    ]);
    expect(output).toBe('lo\n1\n');
  });

  it('L-129 leaves no mount points behind, and no times', async () => {
    const plain = await run(['RUN mkdir /kept', 'RUN true']);
    const mounted = await run(
      [
        'RUN mkdir /kept',
        'RUN --mount=type=tmpfs,target=/kept/a/b --mount=type=secret,id=s,target=/c/d --mount=type=cache,target=/kept/e true',
      ],
      { secrets: secret('x') },
    );
    // An empty layer, the same to the byte: not even the time of a folder has changed.
    expect(mounted.layers.at(-1)).toBe(plain.layers.at(-1));
  });

  it('L-045 runs a heredoc with its own program', async () => {
    const { output } = await run([
      'RUN <<script',
      '#!/bin/busybox sh',
      'echo "$0 in $PWD"',
      'script',
      'RUN <<lines',
      'echo one',
      'echo two',
      'lines',
    ]);
    expect(output).toBe('/dev/pipes/script in /\none\ntwo\n');
  });

  it('L-142 a tmpfs is empty, writable and as large as told', async () => {
    const { output } = await run([
      'RUN --mount=type=tmpfs,target=/t,size=64k ls -A /t; touch /t/x; df -k /t | tail -1 | tr -s " " | cut -d" " -f2',
    ]);
    expect(output).toBe('64\n');
  });

  function secret(value: string, id = 's'): NonNullable<BuildOptions['secrets']> {
    const path = join(tempFolder('secret').path, 'value');
    writeFileSync(path, value);
    return new Map([[id, { kind: 'file', path }]]);
  }

  describe('secrets', () => {
    it('L-140 come as a file, a variable, or both', async () => {
      const mounts = [
        '--mount=type=secret,id=s',
        '--mount=type=secret,id=s,env=ONLY',
        '--mount=type=secret,id=s,env=BOTH,target=/both,mode=0440,uid=1000,gid=50',
      ];
      const { output } = await run(
        [
          `RUN ${mounts[0]} stat -c "%a %u:%g %s" /run/secrets/s; touch /run/secrets/s 2>/dev/null || echo read-only`,
          `RUN ${mounts[1]} echo \${#ONLY}; ls /run/secrets 2>/dev/null | wc -l`,
          `RUN ${mounts[2]} echo \${#BOTH}; stat -c "%a %u:%g" /both`,
        ],
        { secrets: secret('sesame!') },
      );
      expect(output.split('\n')).toEqual(['400 0:0 7', 'read-only', '7', '0', '7', '440 1000:50', '']);
    });

    it('L-140 may be missing unless they are required', async () => {
      expect(
        (await run(['RUN --mount=type=secret,id=none ls /run/secrets 2>/dev/null | wc -l'])).output,
      ).toBe('0\n');
      expect(await failure(['RUN --mount=type=secret,id=none,required true'])).toMatchObject({
        code: 'SECRET_INVALID',
        hint: 'add --secret id=none,src=FILE',
        at: { range: { startLine: 2 } },
      });
    });

    it('L-140 of more than 500 KiB, or that cannot be read, are refused', async () => {
      const lines = ['RUN --mount=type=secret,id=s true'];
      expect(await failure(lines, { secrets: secret('x'.repeat(500 * 1024 + 1)) })).toMatchObject({
        code: 'SECRET_INVALID',
      });
      expect((await run(lines, { secrets: secret('x'.repeat(500 * 1024)) })).ran).toHaveLength(1);
      const missing = new Map([['s', { kind: 'file', path: '/none' }]] as const);
      expect(await failure([...lines, 'RUN false'], { secrets: missing, noCache: true })).toMatchObject({
        code: 'SECRET_INVALID',
      });
    });

    it('S-62 are nowhere afterwards: not in output, layers, records, history or memory', async () => {
      const value = 'sesame-4711-open';
      const lines = [
        'RUN --mount=type=secret,id=s --mount=type=secret,id=s,env=TOKEN cat /run/secrets/s; echo $TOKEN >&2; for part in 12 17; do cut -c1-$part /run/secrets/s | tr -d "\\n"; sleep 0.1; done; export TOKEN',
        'RUN --mount=type=secret,id=s echo again',
      ];
      const made = await run(lines, { secrets: secret(value) });
      expect(made.output).not.toContain(value);
      expect(made.output).toContain('****');
      // Everything below the store and in shared memory, blobs and all.
      const found = (folder: string): string => {
        try {
          return execFileSync('grep', ['-rlaF', value, folder], { encoding: 'utf8' });
        } catch (error) {
          if ((error as { status?: number }).status === 1) return '';
          throw error;
        }
      };
      expect(found(root)).toBe('');
      expect(found('/dev/shm')).toBe('');
      const other = await run(lines, { secrets: secret('another-value') });
      expect(other).toMatchObject({ ran: [], id: made.id });
    });
  });

  describe('cache mounts', () => {
    it('L-142 L-143 outlive the build, by id, and are in no layer', async () => {
      const line = (text: string): string[] => [`RUN --mount=type=cache,id=../../escape,target=/c ${text}`];
      const first = await run(line('echo kept > /c/f'));
      expect(treeLines(await first.tree()).filter((path) => /^c/.test(path))).toEqual([]);
      expect(
        (await run(['RUN --mount=type=cache,id=../../escape,target=/elsewhere cat /elsewhere/f'])).output,
      ).toBe('kept\n');
      expect((await run(['RUN --mount=type=cache,target=/c ls /c'])).output).toBe('');
      expect(
        readdirSync(join(root, 'cache-mounts')).every((name) => /^[0-9a-f]{64}(-\d+)?$/.test(name)),
      ).toBe(true);
    });

    it('L-142 have the mode and owner asked for, and may be a folder inside', async () => {
      const { output } = await run([
        'RUN --mount=type=cache,id=owned,target=/c,mode=0770,uid=1000,gid=50 stat -c "%a %u:%g" /c',
        'RUN --mount=type=cache,id=owned,target=/c,source=deep/er echo x > /c/in',
        'RUN --mount=type=cache,id=owned,target=/c,readonly cat /c/deep/er/in; touch /c/y 2>/dev/null || echo read-only',
      ]);
      expect(output.split('\n')).toEqual(['770 1000:50', 'x', 'read-only', '']);
    });

    it('L-143 S-30 a link in a cache leads nowhere outside it', async () => {
      const escaping = [
        'RUN --mount=type=cache,id=trap,target=/c ln -s /etc /c/out',
        'RUN --mount=type=cache,id=trap,target=/c,source=out ls /c',
      ];
      expect((await run(escaping)).output).toBe('');
    });

    it('L-142 locked ones are for one step at a time, in any order of names', async () => {
      // Each asks for the caches in another order; each finds the other's mark unless it is alone.
      const mounts = ['x', 'y'].map((id) => `--mount=type=cache,id=lock-${id},target=/${id},sharing=locked`);
      const alone =
        'for i in 1 2 3 4 5 6 7 8 9 10; do for c in x y; do mkdir /$c/mark || exit 9; rmdir /$c/mark; done; done';
      const one = run([`RUN ${mounts.join(' ')} ${alone}; sleep 0.3`]);
      const two = run([`RUN ${mounts.toReversed().join(' ')} ${alone}; sleep 0.2`]);
      const twice = run([
        `RUN ${mounts[0]} --mount=type=cache,id=lock-x,target=/again,sharing=locked ${alone.replace(' y', '')}`,
      ]);
      const done = await Promise.all([one, two, twice]);
      expect(done.map(({ ran }) => ran.length)).toEqual([1, 1, 1]);
    });

    it('L-142 private ones are never shared', async () => {
      const mount = '--mount=type=cache,id=own,target=/c,sharing=private';
      const busy = run([`RUN ${mount} mkdir /c/mark; sleep 0.5; rmdir /c/mark`]);
      const other = run([`RUN ${mount} mkdir /c/mark && sleep 0.4; rmdir /c/mark`]);
      await Promise.all([busy, other]);
      expect((await run([`RUN ${mount} ls /c`])).output).toBe('');
    });
  });
});
