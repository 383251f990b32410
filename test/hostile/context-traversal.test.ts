import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { built } from '../support/built-tree.ts';
import { makeTar, type TarSpec } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** An archive for a context whose entries would leave the folder that it is unpacked into. */
describe('S-50 a context on standard input stays in its folder', () => {
  requires('root', 'overlay');

  async function build(root: string, specs: readonly TarSpec[]): Promise<readonly string[]> {
    const tar = makeTar([{ path: 'Dockerfile', body: 'FROM scratch\nCOPY . /\n' }, ...specs]);
    const image = await built({ root, context: '-', stdin: Readable.from([gzipSync(tar)]) });
    return (await image.tree()).map(({ path }) => path);
  }

  it.each(['../../../../../../tmp/escaped', 'a/../../../tmp/escaped'])('with a name %s', async (path) => {
    const promise = build(tempFolder('root').path, [{ path, body: 'x' }]);
    await expect(promise).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    expect(existsSync('/tmp/escaped')).toBe(false);
  });

  it('with an absolute name', async () => {
    const paths = await build(tempFolder('root').path, [{ path: '/tmp/escaped', body: 'x' }]);
    expect(paths).toContain('tmp/escaped');
    expect(existsSync('/tmp/escaped')).toBe(false);
  });

  it('with a link that a later entry goes through', async () => {
    const target = tempFolder('target').path;
    await build(tempFolder('root').path, [
      { path: 'link', type: 'symlink', link: target },
      { path: 'link/escaped', body: 'x' },
    ]);
    expect(readdirSync(target)).toEqual([]);
  });

  it('S-51 and leaves nothing behind when it is refused', async () => {
    const root = tempFolder('root').path;
    await expect(
      build(root, [{ path: 'x'.repeat(90), longName: 'x'.repeat(5000), body: '' }]),
    ).rejects.toMatchObject({
      code: 'ARCHIVE_LIMIT',
    });
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  it('and leaves nothing behind when it is built', async () => {
    const root = tempFolder('root').path;
    await build(root, [{ path: 'file', body: 'x' }]);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });
});
