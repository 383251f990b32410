import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { sampleOf, soak } from '../support/series.ts';

const size = 400_000;

/** Ways in which a program goes on writing a file of one letter, of the same size throughout. */
const ways: readonly (readonly [what: string, write: string])[] = [
  ['over it', 'fs.writeSync(fd, bytes, 0, bytes.length, 0)'],
  ['it anew', 'fs.writeFileSync(path, bytes)'],
  ['another in its place', 'fs.writeFileSync(path + "~", bytes); fs.renameSync(path + "~", path)'],
  [
    'over it and takes its times back',
    'fs.writeSync(fd, bytes, 0, bytes.length, 0); fs.futimesSync(fd, 1000, 1000)',
  ],
  ['it, cut short first', 'fs.ftruncateSync(fd, 1000); fs.writeSync(fd, bytes, 0, bytes.length, 0)'],
];

function writerOf(path: string, write: string): string {
  return `
    const fs = require('node:fs');
    const path = ${JSON.stringify(path)};
    const fd = fs.openSync(path, 'r+');
    for (let turn = 0; ; turn++) {
      const bytes = Buffer.alloc(${size}, turn % 2 === 0 ? 'a' : 'b');
      ${write};
    }`;
}

describe('a context whose file changes all the time', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it.each(sampleOf(ways, 1))(
    'S-74 S-75 by a program that writes %s: what was copied is what the key says',
    { timeout: 900_000 },
    async (_, write) => {
      const dockerfile = 'FROM busybox:1\nCOPY file /file\nRUN sha256sum </file >/sum\n';
      const file = Buffer.alloc(size, 'a');
      const context = makeContext({ Dockerfile: dockerfile, '.dockerignore': '*~', file });
      const writer = spawn(process.execPath, ['-e', writerOf(join(context, 'file'), write)]);
      const ended = once(writer, 'exit');
      onTestFinished(() => void writer.kill('SIGKILL'));
      for (let index = 0; index < (soak ? 40 : 2); index++) {
        const { status, stderr } = await cli.run(['build', '-t', 'meanwhile', context]);
        if (status !== 0) expect(stderr).toMatch(/\[(CONTEXT_CHANGED|COPY_SOURCE_NOT_FOUND)\]$/m);
      }
      expect(writer.exitCode).toBeNull();
      writer.kill('SIGKILL');
      await ended;
      // Whatever was remembered of it meanwhile says nothing wrong of what it is now.
      for (const letter of ['a', 'b']) {
        writeContext(context, { file: Buffer.alloc(size, letter) });
        await cli.ok(['build', '-q', '-t', 'now', context]);
        const check = `test "$(sha256sum </file)" = "$(cat /sum)" && tr -d ${letter} </file | wc -c`;
        expect(await cli.ok(['run', '--rm', 'now', 'sh', '-c', check])).toBe('0');
      }
      expect(await cli.ok(['fsck'])).not.toMatch(/^damage/m);
    },
  );
});
