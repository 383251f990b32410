import { describe, expect, it } from 'vitest';

import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

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
    const [build] = (await cli.ok(['builds', 'ls', '--format', 'json']))
      .split('\n')
      .map((line) => JSON.parse(line) as { ID: string; Dockerfile: string; error: { code: string } });
    expect(build).toMatchObject({ Dockerfile: `${folder}/Dockerfile`, error: { code: 'RUN_FAILED' } });
    const text = await cli.ok(['builds', 'inspect', (build?.ID ?? '').slice(0, 5)]);
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
    await cli.ok(['builds', 'rm', build?.ID ?? '']);
    expect(await cli.ok(['builds', 'ls', '-q'])).toBe('');
  });
});
