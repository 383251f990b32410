import { request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';

import { pushImage } from '../../src/image/index.ts';
import { pullImage, type PushOptions } from '../../src/registry/index.ts';
import { startFaultProxy, type FaultProxy, type Intercept } from '../support/fault-proxy.ts';
import { requires } from '../support/requires.ts';
import { sharedRegistry } from '../support/shared-registry.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry');

const retry = { tries: 4, first: 1, longest: 5, patience: 2000 };
const registry = sharedRegistry();

const noise = Array.from({ length: 12_000 }, (_, n) => Math.imul(n, 2654435761).toString(36)).join('');

interface Piece {
  readonly method: string;
  readonly range: string | undefined;
  readonly length: number;
}

/** Pushes one plain layer of some 80 KiB in pieces of 16 KiB past faults, and pulls it back from the registry itself. */
async function through(
  repository: string,
  intercept: Intercept,
  options: PushOptions = {},
): Promise<readonly Piece[]> {
  await using proxy = await startFaultProxy(registry.host, intercept);
  await withStore(async (store) => {
    const name = `${proxy.host}/${repository}:1`;
    const made = await makeTinyImage(store, { name, layers: [{ noise }] });
    await pushImage(store, name, { retry, chunk: 16 * 1024, form: { compression: 'none' }, ...options });
    await withStore(async (other) => {
      expect((await pullImage(other, `${registry.host}/${repository}:1`)).id).toBe(made.id);
    });
  });
  return pieces(proxy);
}

function pieces(proxy: FaultProxy): readonly Piece[] {
  return proxy.seen
    .filter(({ method }) => method === 'PATCH' || method === 'PUT')
    .filter(({ path }) => path.includes('/blobs/uploads/'))
    .map(({ method, headers }) => ({
      ...{ method, range: headers['content-range'] },
      length: Number(headers['content-length']),
    }));
}

/** Acts at the n-th PATCH, counted from 1. */
function atPatch(n: number, act: Intercept): Intercept {
  let count = 0;
  return (request, response) => {
    if (request.method !== 'PATCH') return false;
    count += 1;
    return count === n ? act(request, response) : false;
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Sends the request on with another body, and its answer back with other headers. */
async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  change: { readonly body: Buffer; readonly headers?: Readonly<Record<string, string>> },
): Promise<void> {
  const headers = { ...request.headers, host: registry.host, ...change.headers };
  const url = `http://${registry.host}${request.url ?? ''}`;
  await new Promise<void>((resolve) => {
    const forwarded = send(url, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response).on('finish', resolve);
    });
    forwarded.end(change.body);
  });
}

describe('a registry that is at odds about how far an upload is', () => {
  it('end-13 G-33 416: it is asked where it stands, and gets the rest', async () => {
    const seen = await through(
      'odd/416',
      atPatch(3, (request, response) => {
        request.resume();
        response.writeHead(416, { range: '0-32767' }).end();
        return true;
      }),
    );
    expect(seen.map(({ range }) => range)).toContain('32768-49151');
    expect(seen.filter(({ range }) => range?.startsWith('0-') === true)).toHaveLength(1);
  });

  it('G-33 less than was sent: it gets the rest, not what it has', async () => {
    const seen = await through(
      'odd/less',
      atPatch(2, async (request, response) => {
        const body = (await bodyOf(request)).subarray(0, 1000);
        const headers = { 'content-length': '1000', 'content-range': '16384-17383' };
        await forward(request, response, { body, headers });
        return true;
      }),
    );
    expect(seen.map(({ range }) => range)).toContain('17384-33767');
  });

  it.each([
    ['more than was sent', '0-999999'],
    ['no progress', '0-16383'],
    ['less than before', '0-99'],
    ['nonsense', 'bytes 5-'],
  ])('G-33 %s: it is asked again, or believed to have what was sent', async (_what, range) => {
    await through(
      `odd/${range.replace(/[^0-9]/g, 'x')}`,
      atPatch(2, async (request, response) => {
        const body = await bodyOf(request);
        const writeHead = response.writeHead.bind(response);
        response.writeHead = ((status: number, headers: object) =>
          writeHead(status, { ...headers, range })) as ServerResponse['writeHead'];
        await forward(request, response, { body });
        return true;
      }),
    );
  });

  it('G-33 an upload that it forgot is begun anew', async () => {
    let state: 'begun' | 'forgotten' | 'anew' = 'begun';
    const seen = await through('odd/forgotten', (request, response) => {
      const range = request.headers['content-range'] ?? '';
      if (state === 'begun' && range.startsWith('32768-')) state = 'forgotten';
      if (state === 'forgotten' && request.method === 'POST') state = 'anew';
      if (state !== 'forgotten' || request.url?.includes('/uploads/') !== true) return false;
      request.resume();
      response.writeHead(404).end('{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}');
      return true;
    });
    expect(seen.filter(({ range }) => range?.startsWith('0-') === true)).toHaveLength(2);
  });

  it('G-34 what was damaged on the way is sent once more, from the start', async () => {
    const seen = await through(
      'odd/damaged',
      atPatch(2, async (request, response) => {
        const body = await bodyOf(request);
        body[100] = (body[100] ?? 0) ^ 1;
        await forward(request, response, { body });
        return true;
      }),
    );
    expect(seen.filter(({ range }) => range?.startsWith('0-') === true)).toHaveLength(2);
  });

  it('G-34 what is always damaged is given up, in words', async () => {
    let puts = 0;
    const failed = through('odd/always', (request, response) => {
      if (request.method !== 'PUT') return false;
      puts += 1;
      request.resume();
      response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID","message":"no match"}]}');
      return true;
    });
    await expect(failed).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringContaining('DIGEST_INVALID: no match (status 400)') as string,
      hint: expect.stringContaining('tsbuild fsck') as string,
    });
    // The layer and the config, twice each at most.
    expect(puts).toBeLessThanOrEqual(4);
  });
});

describe('how a blob is sent', () => {
  it('end-5 end-6 whole when it is small, in pieces of the registry’s least size when it says one', async () => {
    const whole = await through('how/whole', () => false, { chunk: 2 ** 20 });
    expect(whole.map(({ method }) => method)).toEqual(['PUT', 'PUT']);
    expect(whole.every(({ range }) => range === undefined)).toBe(true);

    const least = await through('how/least', (request, response) => {
      if (request.method !== 'POST') return false;
      response.setHeader('oci-chunk-min-length', '40000');
      return false;
    });
    const patches = least.filter(({ method }) => method === 'PATCH');
    expect(patches.length).toBeGreaterThan(0);
    for (const { length } of patches) expect(length).toBeGreaterThanOrEqual(40_000);
  });

  it('G-33 a piece of which nothing is taken is begun anew', async () => {
    const seen = await through(
      'how/stalled',
      atPatch(2, () => true),
      { stall: 300, retry: { ...retry, tries: 100 } },
    );
    // A slow machine may have it sent once more.
    expect(seen.filter(({ range }) => range === '16384-32767').length).toBeGreaterThan(1);
  });

  it('S-60 a place for the upload with a password in it is not gone to', async () => {
    const failed = through('how/password', (request, response) => {
      if (request.method !== 'POST') return false;
      response.writeHead(202, { location: `http://user:pass@${request.headers.host ?? ''}/upload` }).end();
      return true;
    });
    await expect(failed).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringContaining('names no place for the upload') as string,
    });
    await expect(failed).rejects.not.toThrow(/pass@/);
  });
});

describe('how many at once', () => {
  const layers = Array.from({ length: 9 }, (_, n) => ({ [`file${n}`]: String(n) }));

  /** Lets requests through only when four of them are there; `most` is the most that were. */
  function gate(fits: (request: IncomingMessage) => boolean): {
    readonly intercept: Intercept;
    most: () => number;
  } {
    let waiting: (() => void)[] = [];
    let inside = 0;
    let most = 0;
    let opened = false;
    const intercept: Intercept = async (request, response) => {
      if (!fits(request)) return false;
      inside += 1;
      most = Math.max(most, inside);
      response.on('close', () => (inside -= 1));
      if (opened) return false;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length < 4) return;
        opened = true;
        for (const go of waiting) go();
        waiting = [];
      });
      return false;
    };
    return { intercept, most: () => most };
  }

  it('G-31 four blobs travel, in both directions, and never more', async () => {
    await withStore(async (store) => {
      const up = gate((request) => request.method === 'PUT' && request.url?.includes('/blobs/') === true);
      await using pushing = await startFaultProxy(registry.host, up.intercept);
      await makeTinyImage(store, { name: `${pushing.host}/many/app:1`, layers });
      await pushImage(store, `${pushing.host}/many/app:1`, { retry });
      expect(up.most()).toBe(4);
    });
    const down = gate((request) => request.method === 'GET' && request.url?.includes('/blobs/') === true);
    // The config comes alone, before the layers.
    let first = true;
    await using pulling = await startFaultProxy(registry.host, (request, response) => {
      if (request.url?.includes('/blobs/') === true && first) {
        first = false;
        return false;
      }
      return down.intercept(request, response);
    });
    await withStore(async (store) => pullImage(store, `${pulling.host}/many/app:1`, { retry }));
    expect(down.most()).toBe(4);
  });
});
