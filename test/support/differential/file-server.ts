import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a build may fetch over HTTP, by path. */
const files: Readonly<Record<string, { readonly body: string; readonly headers?: Record<string, string> }>> =
  {
    '/file': { body: 'fetched\n', headers: { 'last-modified': 'Thu, 03 Feb 2005 04:05:06 GMT' } },
    '/undated': { body: 'undated\n' },
    '/named': { body: 'named\n', headers: { 'content-disposition': 'attachment; filename="given.txt"' } },
    '/': { body: 'root\n' },
    // One file of 2003, mode 640, owned by 7:8.
    '/packed.tgz': {
      body: Buffer.from(
        'H4sIAAAAAAACA+3RsQ3CQBAEwIup4ku4ty1/PRYQkVgG928wUAJIiJlkdbvhzdPxcj7FR+XdOOSeme2Z9X2/ujb2Nfsu22NvtRui' +
          'ZHzBer1NSynxp+b9/4cAAAAAAAAAAADgt2y+mplUACgAAA==',
        'base64',
      ).toString('latin1'),
    },
  };

/** A server on the loopback; ends with its scope. */
export async function fileServer(): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(({ url = '' }, response) => {
    const path = url.replace(/\?.*$/, '');
    if (path === '/moved') return void response.writeHead(302, { location: '/file' }).end();
    const found = files[path];
    if (found === undefined) return void response.writeHead(404).end('nothing\n');
    response.writeHead(200, found.headers).end(Buffer.from(found.body, 'latin1'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
