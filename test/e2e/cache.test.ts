import { readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { stepOutcomes, type StepOutcomes } from '../support/progress-lines.ts';
import { requires } from '../support/requires.ts';

describe('a second build', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  async function build(context: string, ...flags: string[]): Promise<StepOutcomes & { readonly id: string }> {
    const iidfile = join(context, '..', 'iid');
    const { status, stderr } = await cli.run(['build', '--iidfile', iidfile, ...flags, context]);
    expect(status, stderr).toBe(0);
    return { ...stepOutcomes(stderr), id: readFileSync(iidfile, 'utf8') };
  }

  const dockerfile = [
    'FROM busybox:1',
    'COPY first /',
    'RUN cat /first > /one',
    'COPY second /',
    'RUN cat /second > /two',
    'CMD ["cat", "/one", "/two"]',
    '',
  ].join('\n');

  it('of an unchanged folder runs nothing and gives the same image', async () => {
    const context = makeContext({ Dockerfile: dockerfile, first: 'unchanged 1', second: 'unchanged 2' });
    const first = await build(context);
    expect(first).toMatchObject({ cached: [], ran: { length: 4 } });
    const second = await build(context);
    expect(second).toMatchObject({ cached: first.ran, ran: [] });
    expect(second.id).toBe(first.id);
  });

  it('after a change of one file re-runs from the COPY that took it', async () => {
    const context = makeContext({ Dockerfile: dockerfile, first: 'x', second: 'y' });
    const first = await build(context);
    writeContext(context, { second: 'z' });
    expect(await build(context)).toMatchObject({ cached: first.ran.slice(0, 2), ran: first.ran.slice(2) });
    // The same bytes again are the same state again.
    writeContext(context, { second: 'y' });
    expect(await build(context)).toMatchObject({ ran: [], id: first.id });
  });

  it('after a change of a comment, of a time or of an ignored file re-runs nothing', async () => {
    const context = makeContext({
      Dockerfile: dockerfile,
      first: 'c1',
      second: 'c2',
      '.dockerignore': 'log',
    });
    const { id } = await build(context);
    writeContext(context, {
      Dockerfile: `# a comment\n\n${dockerfile.replace('RUN', '# another\nRUN')}`,
      log: 'x',
    });
    utimesSync(join(context, 'first'), 1e9, 1e9);
    expect(await build(context)).toMatchObject({ ran: [], id });
  });

  it('after a change of metadata runs nothing, but gives another image', async () => {
    const context = makeContext({ Dockerfile: dockerfile, first: 'm1', second: 'm2' });
    const { id } = await build(context);
    writeContext(context, { Dockerfile: `${dockerfile}LABEL a=b\n` });
    const labelled = await build(context);
    expect(labelled.ran).toEqual([]);
    expect(labelled.id).not.toBe(id);
  });

  it('never takes the later result from a step between that changed nothing', async () => {
    // RUN true leaves the same layer, an empty one, whatever a is: only the whole state tells the two apart.
    const context = makeContext({
      Dockerfile: 'FROM busybox:1\nCOPY a /\nRUN true\nRUN cat a > b\n',
      a: 'before',
    });
    await build(context, '-t', 'between');
    writeContext(context, { a: 'after' });
    await build(context, '-t', 'between');
    expect(await cli.ok(['run', '--rm', 'between', 'cat', '/b'])).toBe('after');
  });

  it('C-06 with --no-cache runs everything', async () => {
    const context = makeContext({ Dockerfile: dockerfile, first: 'n1', second: 'n2' });
    const { ran } = await build(context);
    expect(await build(context, '--no-cache')).toMatchObject({ cached: [], ran });
  });

  it('L-085 after a change of an ARG re-runs from the first RUN after it', async () => {
    const lines = ['FROM busybox:1', 'RUN echo before > /0', 'ARG V', 'ENV W=fixed', 'RUN echo $V > /1'];
    const context = makeContext({ Dockerfile: lines.join('\n') });
    const { ran } = await build(context, '--build-arg', 'V=1');
    expect(ran).toHaveLength(2);
    expect(await build(context, '--build-arg', 'V=2')).toMatchObject({
      cached: [ran[0]],
      ran: { length: 1 },
    });
    expect(await build(context, '--build-arg', 'V=1')).toMatchObject({ ran: [] });
  });

  it('reads a file mode as content', async () => {
    const context = makeContext({
      Dockerfile: 'FROM busybox:1\nCOPY tool /\nRUN ls -l /tool\n',
      tool: '#!/bin/sh',
    });
    await build(context);
    const { chmodSync } = await import('node:fs');
    chmodSync(join(context, 'tool'), 0o755);
    expect(await build(context)).toMatchObject({ cached: [], ran: { length: 2 } });
  });
});
