import { readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf, fileNameOfUrl } from '../../src/core/index.ts';
import type { HttpSource } from '../../src/dockerfile/index.ts';
import { createHttpFetcher, type HttpFetcherOptions } from '../../src/source/index.ts';
import { startFaultProxy, type FaultProxy, type Intercept } from '../support/fault-proxy.ts';
import { tempFolder } from '../support/temp-folder.ts';

const signal = new AbortController().signal;
const quick = { tries: 3, first: 1, longest: 2, patience: 10 };

type Fetch = (
  source: HttpSource | string,
  limit?: number,
) => ReturnType<ReturnType<typeof createHttpFetcher>['fetch']>;

function fetcher(options: Partial<HttpFetcherOptions> = {}): {
  readonly fetch: Fetch;
  readonly folder: string;
} {
  const folder = options.folder ?? join(tempFolder('downloads').path, 'http');
  const made = createHttpFetcher({ secret: () => undefined, retry: quick, ...options, folder });
  return {
    folder,
    fetch: (source, limit) =>
      made.fetch(typeof source === 'string' ? { url: source } : source, { signal, limit }),
  };
}

/** A server that answers with these, the last one for good. */
async function serve(
  ...answers: readonly ((response: ServerResponse) => void)[]
): Promise<FaultProxy & { readonly url: string }> {
  let count = 0;
  const intercept: Intercept = (_request, response) => {
    const answer = answers[Math.min(count, answers.length - 1)];
    count += 1;
    answer?.(response);
    return true;
  };
  const server = await startFaultProxy(undefined, intercept);
  return Object.assign(server, { url: `http://${server.host}/folder/file.txt` });
}

const ok =
  (body: string, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void =>
    void response.writeHead(200, headers).end(body);
const status =
  (code: number) =>
  (response: ServerResponse): void =>
    void response.writeHead(code).end();

describe('a file behind a URL', () => {
  it('L-176 is kept under its digest, with the time of Last-Modified', async () => {
    await using server = await serve(ok('hello', { 'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT' }));
    const { fetch } = fetcher();
    const file = await fetch(server.url);
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
      ok('hello', { etag: '"1"' }),
      status(304),
      ok('changed', { etag: '"2"' }),
    );
    const { fetch } = fetcher();
    const first = await fetch(server.url);
    expect(await fetch(server.url)).toEqual(first);
    expect((await fetch(server.url)).digest).toBe(digestOf('changed'));
    expect(server.seen.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"', '"1"']);
  });

  it('L-176 is not read again when the same tag comes with it', async () => {
    await using server = await serve(ok('hello', { etag: 'W/"1"' }), ok('never read', { etag: '"1"' }));
    const { fetch } = fetcher();
    await fetch(server.url);
    expect((await fetch(server.url)).digest).toBe(digestOf('hello'));
  });

  it('L-176 is fetched anew when what was kept is not whole', async () => {
    await using server = await serve(ok('hello', { etag: '"1"' }));
    const { fetch } = fetcher();
    truncateSync((await fetch(server.url)).path, 2);
    expect(readFileSync((await fetch(server.url)).path, 'utf8')).toBe('hello');
    expect(server.seen[1]?.headers['if-none-match']).toBeUndefined();
  });

  it('L-176 with a checksum is asked for once', async () => {
    await using server = await serve(ok('hello', { 'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT' }));
    const { fetch } = fetcher();
    const source = { url: server.url, checksum: digestOf('hello') };
    const first = await fetch(source);
    expect(await fetch(source)).toEqual(first);
    expect(server.seen).toHaveLength(1);
  });

  it('with another checksum is refused with both digests, and nothing is kept', async () => {
    await using server = await serve(ok('hello'));
    const { fetch, folder } = fetcher();
    const checksum = digestOf('other');
    const promise = fetch({ url: server.url, checksum });
    await expect(promise).rejects.toMatchObject({ code: 'SOURCE_INVALID' });
    await expect(promise).rejects.toThrow(new RegExp(`${digestOf('hello')}.*${checksum}`));
    expect(readdirSync(join(folder, 'files'))).toEqual([]);
  });

  it('may be checked by sha512', async () => {
    await using server = await serve(ok('hello'));
    const { fetch } = fetcher();
    const hex =
      '9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043';
    expect((await fetch({ url: server.url, checksum: `sha512:${hex}` as never })).size).toBe(5);
    const wrong = fetch({ url: server.url, checksum: `sha512:${'0'.repeat(128)}` as never });
    await expect(wrong).rejects.toThrow(hex);
  });

  it('drops what nobody has used for a month', async () => {
    await using server = await serve(ok('one'), ok('two'), ok('three'));
    const { fetch } = fetcher();
    const first = await fetch(`${server.url}?1`);
    const second = await fetch(`${server.url}?2`);
    const old = Date.now() / 1000 - 31 * 24 * 3600;
    utimesSync(first.path, old, old);
    await fetch(`${server.url}?3`);
    expect(() => statSync(first.path)).toThrow('ENOENT');
    expect(readFileSync(second.path, 'utf8')).toBe('two');
  });

  it('survives a damaged entry of the cache', async () => {
    await using server = await serve(ok('hello', { etag: '"1"' }));
    const { fetch, folder } = fetcher();
    await fetch(server.url);
    const [entry = ''] = readdirSync(join(folder, 'urls'));
    writeFileSync(join(folder, 'urls', entry), '{"digest": "sha2');
    expect((await fetch(server.url)).digest).toBe(digestOf('hello'));
  });
});

describe('a server that fails', () => {
  it('is asked again after a 500', async () => {
    await using server = await serve(status(500), ok('hello'));
    expect((await fetcher().fetch(server.url)).digest).toBe(digestOf('hello'));
  });

  it('is asked again after a cut', async () => {
    await using server = await serve((response) => {
      response.writeHead(200, { 'content-length': '5' }).write('hel', () => response.destroy());
    }, ok('hello'));
    expect((await fetcher().fetch(server.url)).digest).toBe(digestOf('hello'));
  });

  it('that always sends less than it announces is an error, and nothing is kept', async () => {
    await using server = await serve((response) => {
      response.writeHead(200, { 'content-length': '500' }).write('hel', () => response.destroy());
    });
    const { fetch, folder } = fetcher();
    await expect(fetch(server.url)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    expect(readdirSync(join(folder, 'files'))).toEqual([]);
    expect(server.seen).toHaveLength(3);
  });

  it('that falls silent is given up', async () => {
    await using server = await serve((response) => void response.writeHead(200).write('hel'));
    const promise = fetcher({ stall: 50 }).fetch(server.url);
    await expect(promise).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining('nothing came for 50 ms') as string,
    });
  });

  it('that sends too much is stopped', async () => {
    await using server = await serve((response) => {
      response.writeHead(200);
      const more = (): void => void response.write(Buffer.alloc(65_536), more);
      response.on('close', () => undefined);
      more();
    });
    await expect(fetcher().fetch(server.url, 100_000)).rejects.toMatchObject({
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
    await using server = await serve(status(code));
    const promise = fetcher().fetch(server.url);
    await expect(promise).rejects.toMatchObject({
      code: expected,
      message: expect.not.stringContaining('registry') as string,
    });
  });

  it.each([
    ['http://127.0.0.2:2/x', 'the connection was refused'],
    ['http://no-such-host.invalid/x', 'host'],
  ])('at %s is SOURCE_UNREACHABLE', async (url, why) => {
    await expect(fetcher({ retry: { ...quick, tries: 1 } }).fetch(url)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining(why) as string,
    });
  });

  it('that speaks plain http behind https:// is told', async () => {
    await using server = await serve(ok('hello'));
    await expect(fetcher().fetch(`https://${server.host}/x`)).rejects.toMatchObject({
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
    await expect(made.fetch({ url: server.url }, { signal: controller.signal })).rejects.toThrow('stop');
  });
});

describe('credentials', () => {
  const secrets = (values: Record<string, string>) => (id: string) =>
    id in values ? Buffer.from(values[id] ?? '') : undefined;

  it.each([
    ['a token', { 'HTTP_AUTH_TOKEN_127.0.0.1': 'abc\n' }, '', 'Bearer abc'],
    ['a header', { 'HTTP_AUTH_HEADER_127.0.0.1': 'Custom abc' }, '', 'Custom abc'],
    [
      'a token before a header',
      { 'HTTP_AUTH_HEADER_127.0.0.1': 'x', 'HTTP_AUTH_TOKEN_127.0.0.1': 'y' },
      '',
      'Bearer y',
    ],
    ['those of the URL', {}, 'us%40er:pass@', `Basic ${Buffer.from('us@er:pass').toString('base64')}`],
    ['a secret before those of the URL', { 'HTTP_AUTH_TOKEN_127.0.0.1': 'y' }, 'user:pass@', 'Bearer y'],
    ['none of another host', { HTTP_AUTH_TOKEN_localhost: 'y' }, '', undefined],
  ])('L-176 are %s', async (_name, values, user, expected) => {
    await using server = await serve(ok('hello'));
    await fetcher({ secret: secrets(values) }).fetch(`http://${user}${server.host}/x`);
    expect(server.seen[0]?.headers.authorization).toBe(expected);
  });

  it('L-176 do not follow a redirect to another origin', async () => {
    await using target = await serve(ok('hello'));
    await using server = await serve(
      (response) => void response.writeHead(302, { location: target.url }).end(),
    );
    const secret = secrets({ 'HTTP_AUTH_TOKEN_127.0.0.1': 'abc' });
    await fetcher({ secret }).fetch(`http://user:pass@${server.host}/x`);
    expect(server.seen[0]?.headers.authorization).toBe('Bearer abc');
    expect(target.seen[0]?.headers.authorization).toBeUndefined();
  });

  it('are not taken from a redirect', async () => {
    await using server = await serve(
      (response) => void response.writeHead(302, { location: 'http://user:pass@127.0.0.1/x' }).end(),
    );
    await expect(fetcher().fetch(server.url)).rejects.toThrow('a redirect that is not followed');
  });

  it.each(['two\nlines', '', ' '])(
    'that no header can hold (%j) are refused without being shown',
    async (value) => {
      const promise = fetcher({ secret: secrets({ HTTP_AUTH_TOKEN_localhost: value }) }).fetch(
        'http://localhost:1/x',
      );
      await expect(promise).rejects.toMatchObject({
        code: 'SECRET_INVALID',
        message: expect.not.stringContaining('lines\n') as string,
      });
    },
  );

  it('S-61 of the URL are shown in no message', async () => {
    await using server = await serve(status(404));
    const promise = fetcher().fetch(`http://user:hunter2@${server.host}/x`);
    await expect(promise).rejects.toMatchObject({
      message: expect.not.stringContaining('hunter2') as string,
    });
  });

  it.each(['ftp://host/x', 'file:///etc/passwd', 'x', 'http://'])('%s is no URL of a file', async (url) => {
    await expect(fetcher().fetch(url)).rejects.toMatchObject({ code: 'SOURCE_INVALID' });
  });
});

describe('the name of the file', () => {
  it.each([
    ['https://host/a/b.tar.gz?x=/y#/z', 'b.tar.gz'],
    ['https://host/a/b/', 'b'],
    ['https://host/a%20b', 'a b'],
    ['https://host/a%2Fb', 'b'],
    ['https://host/%2e%2e%2f%2e%2e%2fetc%2fpasswd', 'passwd'],
    ['https://host/%2e%2e', '__unnamed__'],
    ['https://host/a/..', '__unnamed__'],
    ['https://host/.', '__unnamed__'],
    ['https://host/a%00b', '__unnamed__'],
    ['https://host/%zz', '__unnamed__'],
    ['https://host', '__unnamed__'],
    ['https://host/', '__unnamed__'],
    ['https://host?/x', '__unnamed__'],
    [`https://host/${'a'.repeat(255)}`, 'a'.repeat(255)],
    [`https://host/${'a'.repeat(256)}`, '__unnamed__'],
    [`https://host/${'ä'.repeat(128)}`, '__unnamed__'],
  ])('L-176 S-42 of %s is %s', (url, name) => {
    expect(fileNameOfUrl(url)).toBe(name);
  });

  it.each(['../../etc/passwd', '/etc/passwd', '..', 'a\\u0000b', 'x'.repeat(300)])(
    'S-42 is not what Content-Disposition says (%s)',
    async (name) => {
      await using server = await serve(
        ok('hello', { 'content-disposition': `attachment; filename="${name}"` }),
      );
      expect((await fetcher().fetch(server.url)).filename).toBe('file.txt');
    },
  );
});
