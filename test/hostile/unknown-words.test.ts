import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

/** A word that is taken for the default where it is none is taken for less confinement by whoever wrote it, or for more. */
describe('S-15 a mode that does not exist runs nothing', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;

  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it.each([
    ['--network', 'Host'],
    ['--network', 'hostt'],
    ['--network', ''],
    ['--network', 'container:'],
    ['--pid', 'Host'],
    ['--ipc', 'shareable'],
    ['--uts', 'none'],
    ['--cgroupns', 'public'],
    ['--security-opt', 'seccomp=Unconfined'],
    ['--security-opt', 'seccomp'],
    ['--security-opt', 'no-new-privileges=maybe'],
    ['--security-opt', 'unmasked'],
    ['--cap-drop', 'NET_RAWW'],
    ['--pull', 'sometimes'],
  ])('run %s=%s', async (flag, word) => {
    const { status, stdout, stderr } = await cli.run([
      'run',
      '--rm',
      `${flag}=${word}`,
      'busybox:1',
      'echo',
      'ran',
    ]);
    expect([status === 0, stdout]).toEqual([false, '']);
    expect(stderr).toMatch(/\[[A-Z_]+\]/);
  });

  it.each([
    ['RUN --network=Host echo ran', []],
    ['RUN --network=bridge echo ran', []],
    ['RUN --security=Insecure echo ran', []],
    ['RUN --security= echo ran', []],
    ['RUN --mount=type=caches,target=/c echo ran', []],
    ['RUN --mount=type=cache,target=/c,sharing=looked echo ran', []],
    ['RUN echo ran', ['--network', 'Host']],
    ['RUN echo ran', ['--allow', 'security.Insecure']],
  ])('build %s %j', async (line, flags) => {
    const context = makeContext({ Dockerfile: `FROM busybox:1\n${line}\n` });
    const { status, stderr } = await cli.run(['build', '--progress', 'plain', ...flags, context]);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/\[[A-Z_]+\]/);
    expect(stderr).not.toMatch(/^.*\d ran$/m);
  });
});
