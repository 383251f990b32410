import { beforeAll, describe, expect, it } from 'vitest';

import type { BuildOptions } from '../../src/build.ts';
import { built, treeLines, type Built } from '../support/built-tree.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

let root: string;

const files = {
  'src/one': 'one\n',
  'src/deep/two': 'two\n',
  'src/ignored': 'never\n',
  '.dockerignore': 'src/ignored\n',
};

/** A stage with files of several kinds, and the lines of the final stage. */
function lines(text: readonly string[]): string {
  return [
    'FROM busybox:1 AS stage',
    'RUN mkdir -p /data/sub && echo in-stage > /data/file && echo below > /data/sub/file',
    'RUN chown 1000:50 /data/sub/file && chmod 640 /data/sub/file',
    'RUN ln -s /etc/passwd /data/out && ln -s / /data/top && ln -s sub /data/link && ln -s nowhere /data/dangling',
    'FROM scratch AS nothing',
    'FROM busybox:1',
    ...text,
    '',
  ].join('\n');
}

function run(text: readonly string[], options: Partial<BuildOptions> = {}): Promise<Built> {
  const context = options.context ?? makeContext({ ...files, Dockerfile: lines(text) });
  return built({ root, ...options, context });
}

function failure(text: readonly string[]): Promise<unknown> {
  return run(text).then(
    () => 'built',
    (error: unknown) => error,
  );
}

describe('RUN --mount=type=bind', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:tar');
  beforeAll(async () => {
    ({ root } = await tsbuildWithBusybox());
  });

  it.each([
    ['the context', 'target=/m', 'cat src/one src/deep/two; ls src', 'one\ntwo\ndeep\none\n'],
    ['a folder of the context', 'source=src,target=/m', 'cat one deep/two; ls', 'one\ntwo\ndeep\none\n'],
    [
      'a file of the context',
      'src=src/one,dst=/m/file',
      'cat file; stat -c "%a %u:%g" file',
      'one\n644 0:0\n',
    ],
    ['a stage', 'from=stage,target=/m', 'cat data/file', 'in-stage\n'],
    ['a folder of a stage', 'from=stage,source=/data,target=/m', 'cat file sub/file', 'in-stage\nbelow\n'],
    [
      'a file of a stage, with its owner',
      'from=stage,source=/data/sub/file,target=/m/f',
      'cat f; stat -c "%a %u:%g" f',
      'below\n640 1000:50\n',
    ],
    ['a stage by its number', 'from=0,source=data,target=/m', 'cat file', 'in-stage\n'],
    ['an image', 'from=busybox:1,source=/etc,target=/m', 'head -1 group', 'root:x:0:\n'],
    ['a link of a stage', 'from=stage,source=/data/link,target=/m', 'cat file', 'below\n'],
    ['an empty stage', 'from=nothing,target=/m', 'ls -A | wc -l', '0\n'],
    ['a path above the root', 'from=stage,source=../../data,target=/m', 'cat file', 'in-stage\n'],
  ])('L-131 L-144 shows %s', async (_, mount, command, expected) => {
    const line = `RUN --mount=${mount} mkdir -p /m && cd /m && ${command}`;
    expect((await run([line], { noCache: true })).output).toBe(expected);
  });

  it('S-34 R-47 a link as source leads nowhere outside its tree', async () => {
    const { output } = await run([
      'RUN echo mine > /etc/passwd',
      'RUN --mount=from=stage,source=/data/top,target=/m cat /m/data/file',
      'RUN --mount=from=stage,source=/data/out,target=/m/passwd grep -c ada /m/passwd',
      'RUN --mount=from=stage,source=/data/top/data/top/etc,target=/m grep -c ada /m/passwd',
    ]);
    expect(output).toBe('in-stage\n1\n1\n');
  });

  it.each([
    ['of the context', '', 'touch /m/new || echo refused; echo x > /m/src/one || echo refused'],
    ['of a stage', 'from=stage,', 'rm /m/data/file || echo refused; chmod 777 /m || echo refused'],
  ])('L-144 %s is read-only', async (_, from, command) => {
    const { output } = await run([`RUN --mount=${from}target=/m (${command}) 2>/dev/null`]);
    expect(output).toBe('refused\nrefused\n');
  });

  it.each(['rw', 'readwrite=true', 'ro=false'])(
    'L-129 %s allows writes and discards them',
    async (access) => {
      const write = 'echo changed > /m/file && rm /m/sub/file && mkdir /m/new && cat /m/file';
      const text = [
        `RUN --mount=from=stage,source=/data,target=/m,${access} ${write}`,
        'RUN --mount=from=stage,source=/data,target=/m cat /m/file /m/sub/file; ls -A /m | grep -c new || true',
        `RUN --mount=from=nothing,target=/e,${access} touch /e/new && ls /e`,
        `RUN --mount=target=/c,${access} echo changed > /c/src/one; cat /c/src/one`,
      ];
      const made = await run(text, { noCache: true });
      expect(made.output).toBe('changed\nin-stage\nbelow\n0\nnew\nchanged\n');
      expect(treeLines(await made.tree()).filter((line) => /^(m|e|c|src)\b/.test(line))).toEqual([]);
    },
  );

  it('L-129 R-49 mount points that it needed are gone, and so are their times', async () => {
    const plain = await run(['RUN mkdir -p /kept/in', 'RUN true']);
    const mounted = await run([
      'RUN mkdir -p /kept/in',
      [
        'RUN --mount=from=stage,source=/data,target=/kept/a/b',
        '--mount=from=stage,source=/data/file,target=/kept/in/file',
        '--mount=target=/x/y/z',
        '--mount=source=src/one,target=/x/one true',
      ].join(' '),
    ]);
    expect(mounted.layers.at(-1)).toBe(plain.layers.at(-1));
  });

  it('L-129 keeps what the step itself put beside a mount point', async () => {
    const made = await run(['RUN --mount=from=stage,source=/data/file,target=/a/b/file touch /a/b/mine']);
    const lines = treeLines(await made.tree()).filter((line) => line.startsWith('a'));
    expect(lines).toEqual(['a 755 0:0 directory', 'a/b 755 0:0 directory', 'a/b/mine 644 0:0']);
  });

  it('L-145 later mounts lie over earlier ones, deeper ones over those above', async () => {
    const { output } = await run([
      [
        'RUN --mount=type=tmpfs,target=/m/sub/inner',
        '--mount=from=stage,source=/data,target=/m,rw',
        'ls -A /m/sub/inner | wc -l; cat /m/file',
      ].join(' '),
      [
        'RUN --mount=from=stage,source=/data/sub,target=/m',
        '--mount=from=stage,source=/data,target=/m ls -d /m/sub',
      ].join(' '),
      ['RUN --mount=from=stage,source=/data,target=/m', '--mount=from=stage,target=/m ls -d /m/data'].join(
        ' ',
      ),
    ]);
    expect(output).toBe('0\nin-stage\n/m/sub\n/m/data\n');
  });

  it.each([
    [
      'from=stage,source=/data/fil,target=/m',
      'the source "/data/fil" of the mount does not exist in "stage"',
      'did you mean /data/file?',
    ],
    [
      'from=stage,source=/data/dangling,target=/m',
      'the source "/data/dangling" of the mount does not exist in "stage"',
      expect.any(String),
    ],
    ['source=sr,target=/m', '"/sr" does not exist in the build context', 'did you mean src?'],
    ['source=src/ignored,target=/m', /excluded by \.dockerignore/, expect.any(String)],
  ])('L-131 says what is missing: %s', async (mount, message, hint) => {
    const error = await failure([`RUN --mount=${mount} true`]);
    expect(error).toMatchObject({
      code: 'COPY_SOURCE_NOT_FOUND',
      message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
      hint: hint as unknown,
      at: { lines: [`RUN --mount=${mount} true`] },
    });
  });

  it('L-131 counts by what is mounted, not by what lies beside it', async () => {
    const text = (extra: string): string =>
      [
        'FROM busybox:1 AS made',
        `RUN mkdir /a /b && echo same > /a/file && echo ${extra} > /b/file`,
        'FROM busybox:1',
        'RUN --mount=from=made,source=/a,target=/m cat /m/file > /out',
        '',
      ].join('\n');
    const context = makeContext({ Dockerfile: text('first') });
    const first = await built({ root, context });
    const second = await built({ root, context: makeContext({ Dockerfile: text('second') }) });
    expect([second.id, second.ran.filter((name) => name.includes('cat /m'))]).toEqual([first.id, []]);
  });

  it('L-131 counts by the content of the context, not by its times or by other files', async () => {
    const Dockerfile = 'FROM busybox:1\nRUN --mount=source=src,target=/m cat /m/one > /out\n';
    const first = await built({ root, context: makeContext({ ...files, Dockerfile }) });
    const again = await built({ root, context: makeContext({ ...files, Dockerfile, other: 'x' }) });
    const changed = await built({ root, context: makeContext({ ...files, Dockerfile, 'src/one': '1' }) });
    expect([again.ran.length, again.id === first.id, changed.id === first.id]).toEqual([0, true, false]);
  });
});
