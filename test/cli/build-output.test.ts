import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { stepOutcomes } from '../support/progress-lines.ts';
import { inspectImage } from '../support/inspect-image.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('what build says and leaves', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  const inspect = (name: string) => inspectImage(cli, name);

  it('C-21 --iidfile has the whole id, and none after a failure', async () => {
    const folder = tempFolder('iid').path;
    const file = join(folder, 'id');
    writeFileSync(file, 'of an earlier build');
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nLABEL iid=file\n' });
    await cli.ok(['build', '-t', 'iid', '--iidfile', file, context]);
    expect(readFileSync(file, 'utf8')).toBe((await inspect('iid')).Id);
    expect(readdirSync(folder)).toEqual(['id']);
    const broken = makeContext({ Dockerfile: 'FROM busybox:1\nRUN false\n' });
    expect((await cli.run(['build', '--iidfile', file, broken])).status).toBe(5);
    expect(existsSync(file)).toBe(false);
    const nowhere = await cli.run(['build', '--iidfile', join(folder, 'no/dir/id'), context]);
    expect(nowhere).toMatchObject({ status: 7 });
    expect(nowhere.stderr).toContain('[IO_ERROR]');
  });

  it('C-21 --iidfile never replaces what is no file', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\n' });
    await cli.ok(['build', '--iidfile', '/dev/null', context]);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
    const command = '"$0" --root "$1" build -q --iidfile /dev/stderr "$2" 2>&1 >/dev/null | cat';
    const { stdout } = await runCommand(['sh', '-c', command, tsbuildProgram, cli.root, context]);
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('C-10 -q prints the id alone, and an error still in full', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo noise\n' });
    const quiet = await cli.run(['build', '-q', '-t', 'quiet', context]);
    expect(quiet).toMatchObject({ status: 0, stdout: `${(await inspect('quiet')).Id}\n`, stderr: '' });
    const broken = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo reason && false\n' });
    const failed = await cli.run(['build', '-q', broken]);
    expect(failed).toMatchObject({ status: 5, stdout: '' });
    expect(failed.stderr).toMatch(
      /^------\n.*RUN echo reason && false:\n > reason\n------\nDockerfile:2|reason/,
    );
    expect(failed.stderr).toContain('[RUN_FAILED]');
  });

  it('C-09 O-91 O-92 --progress plain numbers steps and counts FROM, RUN, COPY and WORKDIR', async () => {
    const context = makeContext({
      Dockerfile:
        'FROM busybox:1\nENV a=b\nWORKDIR /w\nCOPY Dockerfile .\nRUN echo hello; echo to stderr >&2\nCMD ["x"]\n',
    });
    const { stdout, stderr } = await cli.run(['build', '--no-cache', '--progress', 'plain', context]);
    expect(stdout).toBe('');
    const lines = stderr.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^#1 \[1\/4\] FROM busybox:1$/);
    expect(lines).toContain('#2 [2/4] WORKDIR /w');
    expect(lines).toContain('#3 [3/4] COPY Dockerfile .');
    expect(lines).toContain('#4 [4/4] RUN echo hello; echo to stderr >&2');
    for (const text of ['hello', 'to stderr'])
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^#4 \\d+\\.\\d{3} ${text}$`)));
    expect(lines.filter((line) => /^#\d DONE \d+\.\d{3}s$/.test(line)).length).toBeGreaterThanOrEqual(3);
    expect(lines.at(-1)).toMatch(/^built sha256:[0-9a-f]{64}$/);
    const again = (await cli.run(['build', '--progress=auto', context])).stderr;
    expect(again.match(/^#\d CACHED$/gm)).toHaveLength(4);
  });

  it('C-09 has no colours and no cursor movements of its own where nobody looks', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo plain && false\n' });
    const { stderr } = await cli.run(['build', context]);
    expect(stderr).not.toMatch(/[\u001b\r]/);
  });

  it('C-06 --no-cache runs all, and what it made is taken next time', async () => {
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN date +%N > /n\n' });
    const [first, second] = [
      await cli.run(['build', context]),
      await cli.run(['build', '--no-cache', context]),
    ];
    expect([stepOutcomes(first.stderr).ran.length, stepOutcomes(second.stderr).ran.length]).toEqual([1, 1]);
    const idOf = ({ stderr }: { readonly stderr: string }): string | undefined =>
      /^built (.*)$/m.exec(stderr)?.[1];
    const third = await cli.run(['build', context]);
    expect(stepOutcomes(third.stderr).ran).toEqual([]);
    expect(idOf(third)).toBe(idOf(second));
  });

  it('R-49 S-31 takes mount points away that a step needed, also behind a link of the image', async () => {
    const context = makeContext({
      Dockerfile: [
        'FROM busybox:1',
        'RUN mkdir /real && ln -s /real /link && touch -d @1000000000 /real',
        'RUN --mount=type=tmpfs,target=/link/deep/point echo x > /link/deep/point/file && echo done > /done',
        'RUN --mount=type=cache,target=/fresh/cache touch /fresh/cache/file /fresh/beside',
      ].join('\n'),
    });
    await cli.ok(['build', '-t', 'points', context]);
    const script = 'ls -A /real | wc -l; stat -c %Y /real; ls -A /fresh; cat /done';
    expect((await cli.ok(['run', '--rm', 'points', 'sh', '-c', script])).split('\n')).toEqual([
      ...['0', '1000000000', 'beside', 'done'],
    ]);
  });

  it('C-31 ends with the status of what went wrong', async () => {
    const classes: readonly (readonly [
      files: Record<string, string>,
      status: number,
      flags?: readonly string[],
    ])[] = [
      [{ Dockerfile: 'FROM busybox:1\nNOPE x\n' }, 3],
      [{ other: 'x' }, 3],
      [{ Dockerfile: 'FROM busybox:1\nCOPY nope /\n' }, 4],
      [{ Dockerfile: 'FROM busybox:1\nRUN exit 9\n' }, 5],
      [{ Dockerfile: 'FROM 127.0.0.1:1/x\n' }, 6],
      [{ Dockerfile: 'FROM busybox:1\n' }, 2, ['-m', '1']],
      [{ Dockerfile: 'FROM busybox:1\nUSER nobody-there\nRUN true\n' }, 3],
    ];
    for (const [files, status, flags = []] of classes) {
      const result = await cli.run(['build', ...flags, makeContext(files)]);
      expect(result.status, result.stderr).toBe(status);
      expect(result.stderr).toMatch(/^tsbuild: .* \[[A-Z_]+\]$/m);
    }
  });

  it('builds from a folder whose name a shell would not like', async () => {
    const folder = join(tempFolder('odd').path, 'a b\n$(x) ü');
    mkdirSync(folder);
    writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox:1\nCOPY Dockerfile /x\nRUN cat /x >/dev/null\n');
    expect(await cli.run(['build', '-t', 'odd', '.'], { cwd: folder })).toMatchObject({ status: 0 });
    expect(await runCommand(['true'])).toMatchObject({ status: 0 });
  });
});
