import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';

import { parseReference } from '../../src/oci/index.ts';
import { checkPushAccess } from '../../src/registry/index.ts';
import { startFaultProxy, type Intercept, type SeenRequest } from '../support/fault-proxy.ts';
import { requires } from '../support/requires.ts';
import { sharedRegistry } from '../support/shared-registry.ts';

requires('tool:docker-registry');

const retry = { tries: 3, first: 1, longest: 5, patience: 100 };
const registry = sharedRegistry();

async function check(intercept: Intercept): Promise<readonly SeenRequest[]> {
  await using proxy = await startFaultProxy(registry.host, intercept);
  await checkPushAccess(parseReference(`${proxy.host}/team/app:1`), { retry });
  return proxy.seen;
}

const isUpload = (request: IncomingMessage): boolean => request.url?.includes('/blobs/uploads/') === true;

describe('whether one may push', () => {
  it('end-4a end-14 begins an upload and cancels it: nobody can go on with it', async () => {
    const seen = (await check(() => false)).filter(({ method }) => method !== 'GET');
    expect(seen.map(({ method }) => method)).toEqual(['POST', 'DELETE']);
    expect((await fetch(`http://${registry.host}${seen[1]!.path}`)).status).toBe(404);
    const tags = await fetch(`http://${registry.host}/v2/team/app/tags/list`);
    expect(await tags.text()).toContain('NAME_UNKNOWN');
  });

  it.each([405, 404, 500])('is content where an upload cannot be cancelled: status %d', async (status) => {
    await check((request, response) => {
      if (request.method !== 'DELETE') return false;
      response.writeHead(status).end();
      return true;
    });
  });

  it('G-32 asks again after a passing fault', async () => {
    let faults = 2;
    const seen = await check((request, response) => {
      if (!isUpload(request) || faults === 0) return false;
      faults -= 1;
      response.writeHead(503).end();
      return true;
    });
    expect(seen.filter(({ method }) => method === 'POST')).toHaveLength(3);
  });

  it.each([
    [401, 'REGISTRY_DENIED', /tsbuild login/],
    [403, 'REGISTRY_DENIED', /may push there/],
    [404, 'REGISTRY_DENIED', /repository to be made/],
    [405, 'REGISTRY_DENIED', /takes no pushes/],
    [500, 'REGISTRY_ERROR', /try again later/],
  ] as const)('says what status %d means', async (status, code, hint) => {
    const failed = check((request, response) => {
      if (!isUpload(request)) return false;
      response.writeHead(status, status === 401 ? { 'www-authenticate': 'Basic realm="x"' } : {});
      response.end('{"errors":[{"code":"X","message":"no"}]}');
      return true;
    });
    await expect(failed).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) as string });
  });

  it('says that nobody is there', async () => {
    const proxy = await startFaultProxy(undefined, () => false);
    await proxy[Symbol.asyncDispose]();
    const failed = checkPushAccess(parseReference(`${proxy.host}/team/app:1`), { retry });
    await expect(failed).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('INTERRUPTED when it is stopped', async () => {
    const stop = new AbortController();
    await using proxy = await startFaultProxy(undefined, () => {
      stop.abort();
      return true;
    });
    const reference = parseReference(`${proxy.host}/team/app:1`);
    await expect(checkPushAccess(reference, { retry, signal: stop.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });
});
