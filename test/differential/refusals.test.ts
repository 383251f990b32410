import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuild, type Tsbuild } from '../support/cli.ts';
import type { DockerClient } from '../support/docker-engine.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';

const contextScript = `
echo a > a; echo b > b; mkdir folder folder/in; echo f > folder/f; ln -s nowhere dangling; ln -s folder link
mkdir a.d; echo x > hidden; printf 'hidden\\n' > .dockerignore; mkdir with; ln -s a with/x
`;
const baseScript = `mkdir -p etc there/f taken; echo t > taken/in; echo p > etc/file; echo root:x:0:0::/:/bin/sh > etc/passwd; ln -s in taken/link; ln -s /there to-there`;

/** Whether each of them builds; `we` where we differ on purpose. */
const cases: readonly { readonly title: string; readonly line: string; readonly we?: string }[] = [
  { title: 'L-166 a file that is missing', line: 'COPY missing /' },
  { title: 'L-166 a wildcard below a folder that is missing', line: 'COPY missing/*.txt /x/' },
  { title: 'L-166 a wildcard that matches nothing', line: 'COPY *.txt /x/' },
  { title: 'L-166 a wildcard through a linked folder', line: 'COPY l*k/f /x/' },
  { title: 'L-167 a dangling link by name', line: 'COPY dangling /x' },
  { title: 'L-167 a dangling link by wildcard', line: 'COPY dang* /x/' },
  { title: 'L-180 a file that is ignored', line: 'COPY hidden /x' },
  { title: 'L-180 a wildcard that matches only what is ignored', line: 'COPY hid* /x/' },
  { title: 'L-163 a folder onto a file', line: 'COPY folder /etc/file' },
  { title: 'L-163 a folder whose file meets a folder', line: 'COPY folder /there' },
  { title: 'L-163 a folder whose folder meets a file', line: 'COPY folder /taken' },
  { title: 'L-164 a file below a file', line: 'COPY a /etc/file/a' },
  { title: 'L-164 a file into a file with a slash', line: 'COPY a /etc/file/' },
  { title: 'L-168 a folder onto a linked folder', line: 'COPY folder/in /to-there' },
  { title: 'L-165 two files to one name', line: 'COPY a b /x', we: 'fail: only the last would be left' },
  {
    title: 'L-151 a user that is not there',
    line: 'COPY --chown=nobody a /x',
    we: 'fail: the file would be root’s',
  },
  { title: 'L-152 a mode that is none', line: 'COPY --chmod=9 a /x', we: 'fail, as newer ones do' },
  { title: 'a stage’s file that is missing', line: 'COPY --from=base /missing /x' },
];

describe('what is refused', () => {
  requires('root', 'overlay', 'docker');
  let docker: DockerClient;
  let cli: Tsbuild;
  let context: string;

  beforeAll(async () => {
    docker = await dockerEngine();
    cli = tsbuild();
    const { path } = tempFolder('refusals');
    context = join(path, 'context');
    for (const [folder, script] of [
      [join(path, 'base'), baseScript],
      [context, contextScript],
    ] as const) {
      mkdirSync(folder);
      await runOk(['bash', '-euc', script], { cwd: folder });
    }
    await runOk(['tar', '-C', join(path, 'base'), '-cf', join(path, 'base.tar'), '.']);
    await docker.ok(['import', join(path, 'base.tar'), 'refusals:base']);
    await cli.ok(['import', join(path, 'base.tar'), 'refusals:base']);
  });

  it.each(cases)('$title: as BuildKit does', async ({ line, we }) => {
    const file = join(tempFolder('dockerfile').path, 'Dockerfile');
    writeFileSync(file, `FROM refusals:base AS base\nFROM refusals:base\n${line}\n`);
    const env = { DOCKER_BUILDKIT: '1', BUILDKIT_PROGRESS: 'plain' };
    const theirs = await docker.docker(['build', '--network', 'host', '-f', file, context], { env });
    const ours = await cli.run(['build', '-f', file, context]);
    // Never as a defect of ours: somebody's mistake has a code and a place.
    expect([0, 3, 4], ours.stderr).toContain(ours.status);
    if (ours.status !== 0) expect(ours.stderr).toContain(line);
    expect(ours.status === 0, `${theirs.stderr}\n${ours.stderr}`).toBe(
      we === undefined ? theirs.status === 0 : !we.startsWith('fail'),
    );
    if (we !== undefined) expect(theirs.status === 0).toBe(we.startsWith('fail'));
  });
});
