import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { build } from '../../src/build.ts';
import { fromText } from '../../src/core/index.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('COPY of what no layer can hold', () => {
  requires('root', 'overlay');

  it('S-78 a socket is an error when named, and passed over by a wildcard', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY app.sock /\n', 'app.txt': '' });
    const server = createServer().listen(join(context, 'app.sock'));
    await once(server, 'listening');
    const { path: root } = tempFolder('root');
    try {
      await expect(build({ root, context })).rejects.toMatchObject({
        code: 'COPY_SOURCE_NOT_FOUND',
        message: expect.stringContaining('is a socket') as string,
      });
      const { image } = await build({ root, context: makeWildcard(context), file: join(context, 'all') });
      expect(image.layers.length).toBe(1);
    } finally {
      server.close();
    }
  });

  it('S-78 O-38 an attribute whose name no PAX record can hold', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY f /\n', f: '' });
    using folder = openRootDir(context);
    folder.setXattr(fromText('f'), fromText('user.a=b'), fromText('x'));
    await expect(build({ root: tempFolder('root').path, context })).rejects.toMatchObject({
      code: 'NAME_RESERVED',
      message: expect.stringContaining('user.a=b') as string,
    });
  });
});

/** The same folder with a Dockerfile that takes all of it. */
function makeWildcard(context: string): string {
  using folder = openRootDir(context);
  folder.write(fromText('all'), Buffer.from('FROM scratch\nCOPY app* /\n'), 0o644);
  return context;
}
