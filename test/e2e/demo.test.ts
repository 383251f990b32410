import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBase, type Tsbuild } from '../support/cli.ts';
import { projectRoot } from '../support/paths.ts';
import { stepOutcomes } from '../support/progress-lines.ts';
import { requires } from '../support/requires.ts';

describe('fixtures/demo', () => {
  requires('root', 'overlay', 'debian-base', 'network:debian');
  const fixture = join(projectRoot, 'fixtures/demo');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBase();
    await cli.ok(['-t', 'demo', fixture]);
  });

  it('draws its picture', async () => {
    const output = await cli.ok(['run', '--rm', 'demo']);
    expect(output.split('▀').length).toBeGreaterThan(1000);
    expect(output).toContain('I am process 1 of a container on Linux');
    expect(output).toContain('My whole world is 2 programs and a picture');
  });

  it('is cached as a whole the second time', async () => {
    const { stderr } = await cli.run(['build', '-t', 'demo', fixture]);
    expect(stepOutcomes(stderr)).toMatchObject({ ran: [], cached: { length: 8 } });
  });

  it('takes a build argument, and installs nothing anew for it', async () => {
    const { stderr } = await cli.run(['build', '-t', 'demo:x', '--build-arg', 'TITLE=x', fixture]);
    const { ran } = stepOutcomes(stderr);
    expect(ran.map((name) => name.split(' ').slice(0, 2).join(' '))).toEqual([
      ...['RUN figlet', 'COPY --from=letters', 'COPY sunrise.awk', 'COPY --chmod=755'],
    ]);
  });
});
