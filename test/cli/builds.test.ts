import { describe, expect, it } from 'vitest';

import { build } from '../../src/build.ts';
import { TsbuildError } from '../../src/core/index.ts';
import { pastBuilds } from '../../src/ops/index.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('tsbuild builds', () => {
  requires('root', 'overlay');

  it('O-22 C-77 C-51 shows builds, their steps and what they printed, without secrets', async () => {
    const cli = await tsbuildWithBusybox();
    const dockerfile = [
      'FROM busybox:1',
      'RUN --mount=type=secret,id=key,env=KEY echo "the key is $KEY"; echo done >&2',
      'RUN echo broken; exit 3',
      '',
    ].join('\n');
    const folder = makeContext({ Dockerfile: dockerfile, key: 'correct-horse' });
    const { status } = await cli.run(['build', '-t', 'app', '--secret', 'id=key,src=key', '.'], {
      cwd: folder,
    });
    expect(status).toBe(5);
    const [past] = (await cli.ok(['builds', 'ls', '--format', 'json']))
      .split('\n')
      .map((line) => JSON.parse(line) as { ID: string; Dockerfile: string; error: { code: string } });
    expect(past).toMatchObject({ Dockerfile: `${folder}/Dockerfile`, error: { code: 'RUN_FAILED' } });
    const text = await cli.ok(['builds', 'inspect', (past?.ID ?? '').slice(0, 5)]);
    expect(text).toMatch(/FAILED .*RUN echo broken/);
    expect(text).toContain('[RUN_FAILED]');
    expect(await cli.ok(['builds', 'logs', '--step', 'the key is'])).toMatch(/^the key is \*+\ndone$/);
    expect(await cli.ok(['builds', 'logs'])).toMatch(/==> .*exit 3 <==\nbroken\n/);
    // The RUN that went well is there, and counts as none when it may have no age.
    const plan = ['plan', '--secret', 'id=key,src=key', folder];
    expect(await cli.ok(plan, { cwd: folder })).not.toContain('older than');
    expect(await cli.ok([...plan, '--cache-ttl', '0s'], { cwd: folder })).toContain(
      'is older than --cache-ttl',
    );
    await cli.ok(['builds', 'rm', past?.ID ?? '']);
    expect(await cli.ok(['builds', 'ls', '-q'])).toBe('');
  });

  it('O-22 shows a build as failed whose image could not be handed over', async () => {
    const { path: root } = tempFolder('store');
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY file /\n', file: 'x' });
    const built = build({
      ...{ root, context, file: undefined },
      outputs: [{ kind: 'tar', dest: { kind: 'stdout' }, shape: {} }],
      stdout: async () => {
        throw new TsbuildError('DISK_FULL', 'there is no room behind the pipe');
      },
    });
    await expect(built).rejects.toThrow('there is no room');
    const [past] = pastBuilds(root);
    expect(past?.build).toMatchObject({
      image: expect.stringMatching(/^sha256:/) as string,
      error: { code: 'DISK_FULL', message: 'there is no room behind the pipe' },
    });
  });
});
