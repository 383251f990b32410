import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { explainedDockerfile, explainedFiles } from '../support/explained.ts';
import { requires } from '../support/requires.ts';

describe('tsbuild explain', () => {
  requires('root');

  it('B-01 R-51 shows how the last build of a folder fared, a step alone with every change', async () => {
    const cli = await tsbuildWithBusybox();
    const context = makeContext({ ...explainedFiles, Dockerfile: explainedDockerfile });
    const here = { cwd: context };
    expect(await cli.run(['explain'], here)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no build is known') as string,
    });
    await cli.ok(['build', '-q', '.'], here);
    writeContext(context, Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`lib/x${at}`, 'x\n'])));
    await cli.ok(['build', '-q', '.'], here);

    const shown = await cli.ok(['explain'], here);
    expect(shown.split('\n')[0]).toMatch(/Dockerfile, built \d+ seconds? ago in \d+\.\ds$/);
    expect(shown).toMatch(/^cached +\[work 2\/6\] WORKDIR \/src$/m);
    expect(shown).toMatch(/^ran +\d+\.\ds +\[work 3\/6\] COPY lib lib\n +files added: lib\/x0, .*; 2 more$/m);
    expect(shown).toMatch(/\n\n9 steps: \d cached, \d ran$/);

    const alone = await cli.ok(['explain', 'work/3'], here);
    expect(alone.match(/^ +added: lib\/x\d+$/gm)).toHaveLength(12);
    const steps = (text: string): string => text.slice(text.indexOf('\n'));
    expect(steps(await cli.ok(['explain', 'copy LIB'], here))).toBe(steps(alone));
    expect(await cli.run(['explain', 'nothing of the kind'], here)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('there are') as string,
    });

    // What its program used is kept with the build.
    expect(await cli.ok(['explain', 'cat lib'], here)).toMatch(/^ +used \(cpu \d/m);
    const json = forPrograms.parse(JSON.parse(await cli.ok(['explain', '--format', 'json'], here)));
    expect(json.steps.find(({ name }) => name.includes('COPY lib'))).toMatchObject({ status: 'done' });
    expect(json.context).toBe(context);
  });

  it('B-01 shows how far one came that failed', async () => {
    const cli = await tsbuildWithBusybox();
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN false\nRUN true\n' });
    expect((await cli.run(['build', '-q', context])).stderr).toContain('RUN_FAILED');
    const shown = await cli.ok(['explain', '--context', context]);
    expect(shown).toMatch(/Dockerfile, failed \d+ seconds? ago/);
    expect(shown).toMatch(/^FAILED +\d+\.\ds +\[2\/3\] RUN false\n +not built before$/m);
    expect(shown).not.toContain('[3/3]');
  });
});

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const forPrograms = z.strictObject({
  version: z.literal(1),
  file: z.string(),
  context: z.string(),
  started: z.iso.datetime(),
  milliseconds: z.number(),
  image: digest,
  steps: z.array(
    z.strictObject({
      id: digest,
      name: z.string(),
      status: z.enum(['done', 'cached']),
      milliseconds: z.number(),
      why: z.string().optional(),
      reasons: z.array(z.looseObject({ kind: z.string() })).optional(),
      usage: z.looseObject({}).optional(),
    }),
  ),
});
