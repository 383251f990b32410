import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { fillStore } from '../support/big-store.ts';
import { careCli, type CareCli } from '../support/care-cli.ts';
import { tsbuildProgram } from '../support/cli.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const calls =
  'open,openat,openat2,stat,lstat,newfstatat,statx,getdents64,rename,renameat2,unlink,unlinkat,mkdir';

/** System calls on files that a build makes in which nothing changed. */
async function callsOfNoOp({ cli, context }: CareCli): Promise<number> {
  const log = join(tempFolder('calls').path, 'log');
  await runOk([
    'strace',
    '-f',
    '-qq',
    `-etrace=${calls}`,
    '-o',
    log,
    tsbuildProgram,
    '--root',
    cli.root,
    'build',
    '-q',
    '-t',
    'app',
    context,
  ]);
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes(cli.root)).length;
}

describe('a store with 2 000 images and 20 000 records', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:strace');

  it('costs a build that changes nothing no more than an empty one; prune empties it', async () => {
    const care = await careCli();
    await care.build();
    await callsOfNoOp(care);
    const small = await callsOfNoOp(care);
    expect(small).toBeGreaterThan(10);
    await fillStore(care.cli.root, { images: 2000, records: 20_000 });
    expect(await callsOfNoOp(care)).toBe(small);
    expect(await care.build()).toMatchObject({ ran: 0 });
    const text = await care.cli.ok(['prune', '--all']);
    expect(text).toContain('Total reclaimed space:');
    expect((await care.rows('du', '-v', '--format', 'json')).length).toBe(0);
    expect((await care.cli.ok(['images', '-q'])).split('\n')).toHaveLength(2002);
    expect(await care.cli.ok(['fsck'])).toBe('the store is whole');
  });
});
