import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';

import { digestOf, TsbuildError } from '../../src/core/index.ts';
import { mediaTypes, parseReference } from '../../src/oci/index.ts';
import { pushManifest, readRepository, type Credentials } from '../../src/registry/index.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';

const retry = { tries: 2, first: 1, longest: 5, patience: 100 };
const password: Credentials = { kind: 'password', username: 'me', password: 'the.secret+1' };
const identity: Credentials = { kind: 'identity', username: '<token>', token: 'the.secret+1' };

const bytes = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: digestOf('{}'), size: 2 },
    layers: [],
  }),
);

/** What the token service was asked: `GET ?query Basic …`, `POST form`. */
interface World {
  readonly asked: readonly string[];
  readonly registry: FaultProxy;
  readonly error: TsbuildError | undefined;
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const good: Answer = (_request, response) => void response.end('{"access_token":"good","expires_in":300}');

interface Asking {
  readonly credentials?: Credentials;
  readonly access?: 'pull' | 'push';
  readonly challenge?: (realm: string) => string;
}

/** Reads or writes a manifest where a token of the service is wanted. */
async function ask(answer: Answer, { credentials, access = 'pull', ...world }: Asking = {}): Promise<World> {
  const asked: string[] = [];
  await using service = await startFaultProxy(undefined, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const query = request.url?.replace(/^[^?]*/, '') ?? '';
    asked.push([request.method, query, body, request.headers.authorization].filter(Boolean).join(' '));
    answer(request, response, body);
    return true;
  });
  const challenge = (world.challenge ?? ((realm) => `Bearer realm="${realm}",service="s"`))(
    `http://${service.host}/token`,
  );
  await using registry = await startFaultProxy(undefined, (request, response) => {
    request.resume();
    if (request.headers.authorization !== 'Bearer good') {
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    } else {
      response.writeHead(request.method === 'PUT' ? 201 : 200, { 'content-type': mediaTypes.manifest });
      response.end(bytes);
    }
    return true;
  });
  const reference = parseReference(`${registry.host}/team/app:1`);
  const options = { retry, credentials: () => Promise.resolve(credentials) };
  const manifest = { bytes, mediaType: mediaTypes.manifest };
  const doing =
    access === 'push'
      ? pushManifest(reference, manifest, options)
      : readRepository(reference, options, async (open) => open.manifest());
  const error = await doing.then(
    () => undefined,
    (thrown: unknown) => thrown as TsbuildError,
  );
  return { asked, registry, error };
}

const pullScope = 'scope=repository%3Ateam%2Fapp%3Apull';
const basic = `Basic ${Buffer.from('me:the.secret+1').toString('base64')}`;
const refresh = `client_id=tsbuild&${pullScope}&service=s&grant_type=refresh_token&refresh_token=the.secret%2B1`;

describe('how a token is asked for', () => {
  it('G-11 by GET with user and password, for what is wanted alone', async () => {
    const { asked, error } = await ask(good, { credentials: password });
    expect(error).toBeUndefined();
    expect(asked).toEqual([`GET ?service=s&${pullScope} ${basic}`]);
    const pushed = await ask(good, { credentials: password, access: 'push' });
    expect(pushed.asked).toEqual([`GET ?service=s&${pullScope}%2Cpush ${basic}`]);
  });

  it.each([404, 405])('G-12 by POST where GET is answered with %d', async (status) => {
    const { asked, error } = await ask(
      (request, response, body) => {
        if (request.method === 'POST') good(request, response, body);
        else response.writeHead(status).end();
      },
      { credentials: password },
    );
    expect(error).toBeUndefined();
    expect(asked[1]).toMatch(/^POST .*grant_type=password&username=me&password=the.secret%2B1$/);
  });

  it('G-12 by POST of the refresh token where there is one', async () => {
    const { asked, error } = await ask(good, { credentials: identity });
    expect(error).toBeUndefined();
    expect(asked).toEqual([`POST ${refresh}`]);
  });

  it.each([401, 404, 405])('G-12 by GET where the POST is answered with %d', async (status) => {
    const { asked, error } = await ask(
      (request, response, body) => {
        if (request.method === 'GET') good(request, response, body);
        else response.writeHead(status).end();
      },
      { credentials: identity },
    );
    expect(error).toBeUndefined();
    expect(asked.map((line) => line.split(' ', 1)[0])).toEqual(['POST', 'GET']);
  });

  it('G-10 of several challenges the Bearer one is answered', async () => {
    const challenge = (realm: string): string =>
      `Negotiate, Basic realm="x, y", Bearer realm="${realm}",service="s"`;
    const { error, asked } = await ask(good, { credentials: password, challenge });
    expect(error).toBeUndefined();
    expect(asked).toHaveLength(1);
  });
});

describe('a token service that does wrong', () => {
  it('S-60 a form with a secret follows no redirect to another host', async () => {
    await using thief = await startFaultProxy(undefined, (request, response) => {
      good(request, response, '');
      return true;
    });
    const elsewhere: Answer = (_request, response) =>
      void response.writeHead(307, { location: `http://${thief.host}/token` }).end();
    const { error } = await ask(elsewhere, { credentials: identity });
    expect(error).toBeInstanceOf(TsbuildError);
    expect(thief.seen).toEqual([]);
  });

  it('S-60 a GET that is redirected to another host goes there without the password', async () => {
    await using other = await startFaultProxy(undefined, (request, response) => {
      good(request, response, '');
      return true;
    });
    const elsewhere: Answer = (request, response) =>
      void response.writeHead(307, { location: `http://${other.host}${request.url ?? ''}` }).end();
    await ask(elsewhere, { credentials: password });
    expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  const echoes: readonly (readonly [string, Credentials, Answer])[] = [
    ['the form', identity, (_request, response, body) => void response.writeHead(400).end(`wrong: ${body}`)],
    [
      'the header',
      password,
      (request, response) => void response.writeHead(403).end(`no: ${request.headers.authorization ?? ''}`),
    ],
    [
      'the password',
      password,
      (_request, response) =>
        void response
          .writeHead(403)
          .end('{"errors":[{"code":"DENIED","message":"no user me/the.secret+1"}]}'),
    ],
    [
      'the header without its scheme',
      password,
      (request, response) =>
        void response
          .writeHead(403)
          .end(`no: ${(request.headers.authorization ?? '').slice('Basic '.length)}`),
    ],
    [
      'the password where it is cut off',
      password,
      (_request, response) => void response.writeHead(403).end(`${'no '.repeat(83)} the.secret+1`),
    ],
    [
      'a URL',
      password,
      (_request, response) => void response.writeHead(500).end('see https://me:another.secret@host/x'),
    ],
  ];
  it.each(echoes)('S-61 S-62 one that repeats %s is not repeated', async (_what, credentials, answer) => {
    const { error } = await ask(answer, { credentials });
    expect(error).toBeInstanceOf(TsbuildError);
    const all: string[] = [];
    for (let at: unknown = error; at instanceof Error; at = at.cause) {
      all.push(at.message, JSON.stringify(at), at.stack ?? '');
    }
    all.push(error?.hint ?? '');
    const secrets = ['the.s', 'another.secret', 'the%2Esecret', basic.slice(6)];
    for (const secret of secrets) expect(all.join('\n')).not.toContain(secret);
  });

  it('G-35 an answer of any length is cut off', async () => {
    const endless: Answer = (_request, response) => {
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(65_536, ' '), more);
      };
      more();
    };
    const { error } = await ask(endless, { credentials: password });
    expect(error).toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringContaining('larger than 1048576 bytes') as string,
    });
  });
});
