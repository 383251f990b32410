import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`; the repositories of the folder lie below it. */
  readonly url: string;
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Method, path and Authorization header of each request so far. */
  readonly requests: readonly { readonly path: string; readonly authorization?: string }[];
}

export interface GitServerOptions {
  /** The one value of Authorization that is let in; others are asked for their name with 401. */
  readonly authorization?: string;
  /** Speaks the older protocol, in which a commit can be asked for only when a ref names it. */
  readonly old?: boolean;
  /** Sends every request there. */
  readonly redirect?: string;
  /** Never answers. */
  readonly silent?: boolean;
}

/** git's own server, `git http-backend`, behind a small HTTP server on a free port. */
export async function startGitServer(folder: string, options: GitServerOptions = {}): Promise<GitServer> {
  const requests: { path: string; authorization?: string }[] = [];
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    requests.push({ path: request.url ?? '', ...(authorization === undefined ? {} : { authorization }) });
    if (options.silent === true) return;
    if (options.redirect !== undefined) {
      response.writeHead(302, { location: options.redirect + (request.url ?? '') }).end();
    } else if (options.authorization !== undefined && authorization !== options.authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    } else {
      void backend(folder, options, request, response);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** CGI (RFC 3875): the answer begins with header lines, Status among them. */
async function backend(
  folder: string,
  options: GitServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const protocol = request.headers['git-protocol'];
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      // The repositories of tests may belong to another user than the one that runs them.
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH_INFO: decodeURIComponent(path),
      QUERY_STRING: query,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'],
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      ...(options.old === true || protocol === undefined ? {} : { GIT_PROTOCOL: String(protocol) }),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  request.pipe(child.stdin);
  let head = Buffer.alloc(0);
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    if (response.headersSent) {
      response.write(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) continue;
    const headers = head
      .subarray(0, end)
      .toString('latin1')
      .split('\r\n')
      .map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1).trim()];
      });
    const status = headers.find(([name]) => name.toLowerCase() === 'status')?.[1];
    response.writeHead(status === undefined ? 200 : Number.parseInt(status, 10), Object.fromEntries(headers));
    response.write(head.subarray(end + 4));
  }
  response.end();
}
