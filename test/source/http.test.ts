import { readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { createHttpFetcher } from '../../src/source/index.ts';
import { answer, answerStatus, serve } from '../support/http-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { urlFetcher } from '../support/url-fetcher.ts';

describe('a file behind a URL', () => {
  it('L-176 is kept under its digest, with the time of Last-Modified', async () => {
    await using server = await serve(answer('hello', { 'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT' }));
    const { fetch } = urlFetcher();
    const file = await fetch(`${server.origin}/folder/file.txt`);
    expect(file).toMatchObject({
      digest: digestOf('hello'),
      size: 5,
      filename: 'file.txt',
      modified: 784_111_777,
    });
    expect(readFileSync(file.path, 'utf8')).toBe('hello');
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
  });

  it('L-176 is not sent again when the server says that its tag holds', async () => {
    await using server = await serve(
      answer('hello', { etag: '"1"' }),
      answerStatus(304),
      answer('changed', { etag: '"2"' }),
    );
    const { fetch } = urlFetcher();
    const first = await fetch(`${server.origin}/folder/file.txt`);
    expect(await fetch(`${server.origin}/folder/file.txt`)).toEqual(first);
    expect((await fetch(`${server.origin}/folder/file.txt`)).digest).toBe(digestOf('changed'));
    expect(server.seen.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"', '"1"']);
  });

  it('L-176 is not read again when the same tag comes with it', async () => {
    await using server = await serve(
      answer('hello', { etag: 'W/"1"' }),
      answer('never read', { etag: '"1"' }),
    );
    const { fetch } = urlFetcher();
    await fetch(`${server.origin}/folder/file.txt`);
    expect((await fetch(`${server.origin}/folder/file.txt`)).digest).toBe(digestOf('hello'));
  });

  it('L-176 is fetched anew when what was kept is not whole', async () => {
    await using server = await serve(answer('hello', { etag: '"1"' }));
    const { fetch } = urlFetcher();
    truncateSync((await fetch(`${server.origin}/folder/file.txt`)).path, 2);
    expect(readFileSync((await fetch(`${server.origin}/folder/file.txt`)).path, 'utf8')).toBe('hello');
    expect(server.seen[1]?.headers['if-none-match']).toBeUndefined();
  });

  it('L-176 with a checksum is asked for once', async () => {
    await using server = await serve(answer('hello', { 'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT' }));
    const { fetch } = urlFetcher();
    const source = { url: `${server.origin}/folder/file.txt`, checksum: digestOf('hello') };
    const first = await fetch(source);
    expect(await fetch(source)).toEqual(first);
    expect(server.seen).toHaveLength(1);
  });

  it('with another checksum is refused with both digests, and nothing is kept', async () => {
    await using server = await serve(answer('hello'));
    const { fetch, folder } = urlFetcher();
    const checksum = digestOf('other');
    const promise = fetch({ url: `${server.origin}/folder/file.txt`, checksum });
    await expect(promise).rejects.toMatchObject({ code: 'SOURCE_INVALID' });
    await expect(promise).rejects.toThrow(new RegExp(`${digestOf('hello')}.*${checksum}`));
    expect(readdirSync(join(folder, 'files'))).toEqual([]);
  });

  it('may be checked by sha512', async () => {
    await using server = await serve(answer('hello'));
    const { fetch } = urlFetcher();
    const hex =
      '9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043';
    expect(
      (await fetch({ url: `${server.origin}/folder/file.txt`, checksum: `sha512:${hex}` as never })).size,
    ).toBe(5);
    const wrong = fetch({
      url: `${server.origin}/folder/file.txt`,
      checksum: `sha512:${'0'.repeat(128)}` as never,
    });
    await expect(wrong).rejects.toThrow(hex);
  });

  it('drops what nobody has used for a month', async () => {
    await using server = await serve(answer('one'), answer('two'), answer('three'));
    const { fetch } = urlFetcher();
    const first = await fetch(`${server.origin}/?1`);
    const second = await fetch(`${server.origin}/?2`);
    const old = Date.now() / 1000 - 31 * 24 * 3600;
    utimesSync(first.path, old, old);
    await fetch(`${server.origin}/?3`);
    expect(() => statSync(first.path)).toThrow('ENOENT');
    expect(readFileSync(second.path, 'utf8')).toBe('two');
  });

  it('survives a damaged entry of the cache', async () => {
    await using server = await serve(answer('hello', { etag: '"1"' }));
    const { fetch, folder } = urlFetcher();
    await fetch(`${server.origin}/folder/file.txt`);
    const [entry = ''] = readdirSync(join(folder, 'urls'));
    writeFileSync(join(folder, 'urls', entry), '{"digest": "sha2');
    expect((await fetch(`${server.origin}/folder/file.txt`)).digest).toBe(digestOf('hello'));
  });
});

describe('a server that fails', () => {
  it('is asked again after a 500', async () => {
    await using server = await serve(answerStatus(500), answer('hello'));
    expect((await urlFetcher().fetch(`${server.origin}/folder/file.txt`)).digest).toBe(digestOf('hello'));
  });

  it('is asked again after a cut', async () => {
    await using server = await serve((response) => {
      response.writeHead(200, { 'content-length': '5' }).write('hel', () => response.destroy());
    }, answer('hello'));
    expect((await urlFetcher().fetch(`${server.origin}/folder/file.txt`)).digest).toBe(digestOf('hello'));
  });

  it('that always sends less than it announces is an error, and nothing is kept', async () => {
    await using server = await serve((response) => {
      response.writeHead(200, { 'content-length': '500' }).write('hel', () => response.destroy());
    });
    const { fetch, folder } = urlFetcher();
    await expect(fetch(`${server.origin}/folder/file.txt`)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
    });
    expect(readdirSync(join(folder, 'files'))).toEqual([]);
    expect(server.seen).toHaveLength(3);
  });

  it('that falls silent is given up', async () => {
    await using server = await serve((response) => void response.writeHead(200).write('hel'));
    const promise = urlFetcher({ stall: 300 }).fetch(`${server.origin}/folder/file.txt`);
    await expect(promise).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining('nothing came for 300 ms') as string,
    });
  });

  it('that sends too much is stopped', async () => {
    await using server = await serve((response) => {
      response.writeHead(200);
      const more = (): void => void response.write(Buffer.alloc(65_536), more);
      response.on('close', () => undefined);
      more();
    });
    await expect(urlFetcher().fetch(`${server.origin}/folder/file.txt`, 100_000)).rejects.toMatchObject({
      code: 'SOURCE_INVALID',
      message: expect.stringContaining('larger than 100000 bytes') as string,
    });
  });

  it.each([
    [401, 'SOURCE_DENIED'],
    [403, 'SOURCE_DENIED'],
    [404, 'SOURCE_NOT_FOUND'],
    [410, 'SOURCE_NOT_FOUND'],
    [304, 'SOURCE_UNREACHABLE'],
    [429, 'SOURCE_UNREACHABLE'],
    [503, 'SOURCE_UNREACHABLE'],
  ])('with status %i is %s, and no registry', async (code, expected) => {
    await using server = await serve(answerStatus(code));
    const promise = urlFetcher().fetch(`${server.origin}/folder/file.txt`);
    await expect(promise).rejects.toMatchObject({
      code: expected,
      message: expect.not.stringContaining('registry') as string,
    });
  });

  it.each([
    ['http://127.0.0.2:2/x', 'the connection was refused'],
    ['http://no-such-host.invalid/x', 'host'],
  ])('at %s is SOURCE_UNREACHABLE', async (url, why) => {
    await expect(
      urlFetcher({ retry: { tries: 1, first: 1, longest: 1, patience: 1 } }).fetch(url),
    ).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining(why) as string,
    });
  });

  it('that speaks plain http behind https:// is told', async () => {
    await using server = await serve(answer('hello'));
    await expect(urlFetcher().fetch(`https://${server.host}/x`)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      hint: expect.stringContaining('http://') as string,
    });
  });

  it('is left when the build is interrupted', async () => {
    const controller = new AbortController();
    await using server = await serve((response) => {
      response.writeHead(200).write('hel');
      controller.abort(new Error('stop'));
    });
    const made = createHttpFetcher({ folder: join(tempFolder().path, 'http'), secret: () => undefined });
    await expect(
      made.fetch({ url: `${server.origin}/folder/file.txt` }, { signal: controller.signal }),
    ).rejects.toThrow('stop');
  });
});
