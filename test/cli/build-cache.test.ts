import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('tsbuild build --cache-from, --cache-to', () => {
  requires('root', 'overlay', 'tool:busybox');

  it('C-13 O-12 S-79 says from where a step was taken, then and later, and verifies it', async () => {
    const cache = join(tempFolder('cache').path, 'c');
    const cwd = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo hello > /hello\n' });
    const [first, second] = [await tsbuildWithBusybox(), await tsbuildWithBusybox()];
    await first.ok(['build', '--cache-to', `type=local,dest=${cache},mode=max`, '.'], { cwd });
    const from = ['--cache-from', `type=local,src=${cache}`];
    const { status, stderr } = await second.run(['build', ...from, '--cache-verify', '100%', '.'], { cwd });
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(`CACHED from ${cache}\n`);
    expect(stderr).toContain(`made again, and as the cache ${cache} says\n`);
    expect(await second.ok(['explain'], { cwd })).toMatch(
      new RegExp(`cached +\\[2/2\\] RUN echo hello > /hello\\n +from ${cache}\\n`),
    );
    const { steps } = JSON.parse(await second.ok(['explain', '--format', 'json'], { cwd })) as {
      steps: { from?: string }[];
    };
    expect(steps.map((step) => step.from)).toContain(cache);
    expect((await second.run(['fsck'])).stdout).toContain('0 damaged');
  });

  it('C-13 O-16 tells a mistyped value before anything runs', async () => {
    const cwd = makeContext({ Dockerfile: 'FROM busybox:1\n' });
    const { status, stderr } = await (
      await tsbuildWithBusybox()
    ).run(['build', '--cache-to', 'type=regsitry,ref=app', '.'], { cwd });
    expect(status).toBe(2);
    expect(stderr).toContain('type=registry');
  });
});
