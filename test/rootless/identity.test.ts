import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { ordinaryUser } from '../support/as-user.ts';
import { busyboxName } from '../support/busybox.ts';
import { tsbuild, tsbuildWithBusybox } from '../support/cli.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Times are the one thing that two builds never share. */
const settle = 'find / -xdev -mmin -60 -exec touch -h -d @1000000000 {} + 2>/dev/null || true';

/** What a step does, and Dockerfile lines that do it; every RUN ends with `settle`. */
const steps: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ['owners', ['RUN mkdir /o && touch /o/a /o/b && chown 1000:50 /o/a && chown 65000:65000 /o/b /o']],
  ['modes', ['RUN cp /bin/busybox /su && chmod 6755 /su && mkdir -m 1777 /open && mkdir -m 0 /shut']],
  ['links', ['RUN echo 1 > /l1 && ln /l1 /l2 && ln -s l1 /l3 && ln /l3 /l4']],
  ['a link to a file of the base', ['RUN ln /etc/passwd /etc/passwd.bak']],
  ['a FIFO', ['RUN mkfifo -m 640 /pipe && chown 1:1 /pipe']],
  ['removals', ['RUN rm /etc/group /bin/vi && rm -r /var']],
  [
    'directories made anew',
    ['RUN mkdir -p /x/y && touch /x/y/1 /x/y/2', 'RUN rm -r /x && mkdir -p /x/y && touch /x/y/3'],
  ],
  ['other types', ['RUN touch /z', 'RUN rm /z && mkdir /z && touch /z/in && rm -r /root && touch /root']],
  ['moved directories', ['RUN mkdir -p /m/n && touch /m/n/f', 'RUN mv /m /moved']],
  ['attributes alone', ['RUN chmod 700 /tmp && chown 1000 /etc']],
  ['capabilities and xattrs', ['COPY setattr /', 'RUN touch /c /u && /setattr']],
  ['copies', ['COPY --chown=1000:50 --chmod=4750 file /copied', 'COPY --link file /linked']],
  ['a copy of a whole state', ['FROM busybox:1', 'COPY --from=0 / /all/', 'RUN rm /all/etc/group']],
  [
    'another user',
    [
      'RUN mkdir -p /tmp/w && chown ada /tmp/w',
      'WORKDIR /tmp/w',
      'USER ada',
      'RUN echo > own && mkdir -m 2755 sub',
    ],
  ],
];

function dockerfile(lines: readonly string[]): string {
  return [
    'FROM busybox:1',
    ...lines.map((line) => (line.startsWith('RUN') ? `${line} && { ${settle}; }` : line)),
  ].join('\n');
}

describe('images with and without root', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:setpriv', 'tool:newuidmap', 'tool:gcc');

  it('R-75 have the same id for the same input, whatever a step does', async () => {
    const context = await contextWith();
    const user = ordinaryUser();
    const [asRoot, asUser] = [await tsbuildWithBusybox(), tsbuild(user.store, user.through)];
    // The very same base: an import has the time of its making in its config.
    await asRoot.ok(['save', '-o', join(context, 'base'), busyboxName]);
    await asUser.ok(['load', '-i', join(context, 'base')]);
    const build = [
      'build',
      '-q',
      '--network',
      'host',
      '-f',
      '-',
      '--build-arg',
      'SOURCE_DATE_EPOCH=0',
      context,
    ];
    for (const [what, lines] of steps) {
      const input = dockerfile(lines);
      const [first, second] = [await asRoot.ok(build, { input }), await asUser.ok(build, { input })];
      expect.soft(`${what} ${second}`).toBe(`${what} ${first}`);
    }
  });
});

/** A program that sets what the small base has no tools for. */
async function contextWith(): Promise<string> {
  const { path } = tempFolder('context');
  chmodSync(path, 0o755);
  writeFileSync(join(path, 'file'), 'of the context\n');
  const source = `
    #include <sys/xattr.h>
    int main(void) {
      unsigned capability[] = {0x02000001, 0x2000, 0, 0, 0};
      if (setxattr("/c", "security.capability", capability, sizeof capability, 0) != 0) return 1;
      if (setxattr("/u", "user.note", "hello", 5, 0) != 0) return 2;
      return setxattr("/tmp", "user.folder", "x", 1, 0) != 0 ? 3 : 0;
    }`;
  writeFileSync(join(path, 'setattr.c'), source);
  await runOk(['gcc', '-static', '-o', join(path, 'setattr'), join(path, 'setattr.c')]);
  return path;
}
