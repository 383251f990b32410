import { describe, expect, it } from 'vitest';

import { digestOf, fromText } from '../../src/core/index.ts';
import { HttpOp } from '../../src/ops/sources/http.ts';
import { sourcesOf } from '../../src/ops/sources/fetchers.ts';
import { built, entryOf } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { answer, answerStatus, serve } from '../support/http-server.ts';
import { opsWorld, unwatched } from '../support/ops-world.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('HttpOp', () => {
  requires('root', 'overlay');
  const dated = { 'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT' };

  async function world() {
    const opened = await opsWorld(makeContext({}));
    const { store, secrets, ssh } = opened.services;
    const sources = sourcesOf(store, { secrets, ssh });
    return { ...opened, services: { ...opened.services, sources } };
  }

  it('L-176 makes one file: 0600, of the superuser, with the time of Last-Modified', async () => {
    await using server = await serve(answer('hello', dated));
    await using opened = await world();
    const op = new HttpOp({ url: `${server.origin}/a%20b?x#y` }, opened.services);
    const state = await op.exec([], unwatched);
    await using view = await opened.snapshotter.view(state.snapshot);
    expect(view.root.list(fromText('/'))).toEqual(['a b']);
    expect(view.root.lstat(fromText('/a b'))).toMatchObject({
      type: 'file',
      mode: 0o600,
      uid: 0,
      gid: 0,
      mtime: 784_111_777,
    });
    expect((await state.settled).layers).toEqual([]);
    expect(server.seen).toHaveLength(1);
  });

  it('L-176 is keyed by content, name and time, and as old as time itself without one', async () => {
    await using server = await serve(answer('hello', dated), answer('hello'));
    await using opened = await world();
    const partsOf = async (path: string) =>
      (await new HttpOp({ url: server.origin + path }, opened.services).cacheMap(unwatched.signal)).parts;
    expect(await partsOf('/x/file')).toEqual({
      op: 'http',
      digest: digestOf('hello'),
      filename: 'file',
      modified: 784_111_777,
    });
    expect(await partsOf('/y/other')).toMatchObject({ filename: 'other', modified: null });
    const state = await new HttpOp({ url: `${server.origin}/z` }, opened.services).exec([], unwatched);
    await using view = await opened.snapshotter.view(state.snapshot);
    expect(view.root.lstat(fromText('/z')).mtime).toBe(0);
  });

  it('L-176 is keyed by the checksum where there is one, without asking', async () => {
    await using server = await serve(answerStatus(404));
    await using opened = await world();
    const op = new HttpOp({ url: `${server.origin}/file`, checksum: digestOf('hello') }, opened.services);
    expect((await op.cacheMap(unwatched.signal)).parts).toMatchObject({
      digest: digestOf('hello'),
      modified: null,
    });
    expect(server.seen).toEqual([]);
    await expect(op.exec([], unwatched)).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });

  it('keeps what it keyed, although the file changes before it runs', async () => {
    await using server = await serve(answer('one'), answer('two'));
    await using opened = await world();
    const op = new HttpOp({ url: `${server.origin}/file` }, opened.services);
    await op.cacheMap(unwatched.signal);
    await using view = await opened.snapshotter.view((await op.exec([], unwatched)).snapshot);
    expect(view.root.read(fromText('/file'), 10).toString()).toBe('one');
  });

  it('L-176 is what ADD of a URL takes, and nothing runs while the file is the same', async () => {
    await using server = await serve(answer('hello', { ...dated, etag: '"1"' }), answerStatus(304));
    const root = tempFolder('root').path;
    const context = makeContext({ Dockerfile: `FROM scratch\nADD ${server.origin}/folder/file.txt /to/\n` });
    const image = await built({ root, context });
    expect(entryOf(await image.tree(), 'to/file.txt')).toMatchObject({
      mode: '600',
      owner: '0:0',
      mtime: 784_111_777,
    });
    const again = await built({ root, context });
    expect(again.ran).toEqual([]);
    expect(server.seen.at(-1)?.headers['if-none-match']).toBe('"1"');
  });
});
