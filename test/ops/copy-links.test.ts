import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { build } from '../../src/build.ts';
import { runOk } from '../support/run-command.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** The top layer of what is built, as `tar` lists and reads it. */
async function builtLayer(root: string, context: string): Promise<{ digest: string; blob: string }> {
  const { image } = await build({ root, context });
  const digest = image.layers.at(-1)?.descriptor.digest ?? '';
  return { digest, blob: join(root, 'oci/blobs', digest.replace(':', '/')) };
}

function contentIn(blob: string, name: string): Promise<string> {
  return runOk(['tar', '-xOf', blob, name]);
}

describe('COPY of files with several names', () => {
  requires('root', 'overlay', 'tool:tar');

  it('L-171 links to no file that was copied over the first name meanwhile', async () => {
    const context = makeContext({
      Dockerfile: 'FROM scratch\nCOPY a/x b/x a/y /dest/\n',
      'a/x': 'first',
      'b/x': 'other',
    });
    linkSync(join(context, 'a/x'), join(context, 'a/y'));
    const { blob } = await builtLayer(tempFolder('root').path, context);
    expect([await contentIn(blob, 'dest/x'), await contentIn(blob, 'dest/y')]).toEqual(['other', 'first']);
  });

  it('L-171 takes a file named twice', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY x x y /dest/\n', x: 'x' });
    linkSync(join(context, 'x'), join(context, 'y'));
    const { blob } = await builtLayer(tempFolder('root').path, context);
    expect(await contentIn(blob, 'dest/x')).toBe('x');
  });

  it('L-172 has another key when two equal files become one with two names', async () => {
    const { path: root } = tempFolder('root');
    const context = makeContext({
      Dockerfile: 'FROM scratch\nCOPY d /dest/\n',
      'd/a': 'same',
      'd/b': 'same',
    });
    const apart = await builtLayer(root, context);
    rmSync(join(context, 'd/b'));
    linkSync(join(context, 'd/a'), join(context, 'd/b'));
    const linked = await builtLayer(root, context);
    const list = (blob: string): Promise<string> => runOk(['tar', '-tvf', blob]);
    expect(await list(apart.blob)).not.toContain('link to');
    expect(await list(linked.blob)).toContain('dest/b link to dest/a');
  });

  it('S-75 S-74 ADD keeps an archive that changes while it is unpacked from being cached', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nADD big.tar /\n' });
    const files = join(tempFolder('files').path, 'f');
    mkdirSync(files);
    for (let n = 0; n < 2000; n++) writeFileSync(join(files, `f${n}`), 'x'.repeat(3000));
    await runOk(['tar', '-cf', join(context, 'big.tar'), '-C', files, '.']);
    const changing = setInterval(() => writeFileSync(join(context, 'big.tar'), 'x', { flag: 'a' }), 1);
    try {
      await expect(build({ root: tempFolder('root').path, context })).rejects.toMatchObject({
        code: 'CONTEXT_CHANGED',
      });
    } finally {
      clearInterval(changing);
    }
  });
});
