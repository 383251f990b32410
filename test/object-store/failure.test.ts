import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { s3Keys } from '../support/cache-services.ts';
import { startGha } from '../support/gha-server.ts';
import { serve } from '../support/http-server.ts';
import { blobOf, bytesIn, placeOf } from '../support/places.ts';
import { startS3 } from '../support/s3-server.ts';

const blob = blobOf('a blob');
const bucket = { region: 'eu-north-1', bucket: 'ci-cache', ...s3Keys };

function s3Spec(host: string): string {
  return `type=s3,bucket=ci-cache,region=eu-north-1,endpoint_url=http://${host},access_key_id=${s3Keys.accessKeyId},secret_access_key=${s3Keys.secretAccessKey}`;
}

async function failureOf(task: Promise<unknown>): Promise<TsbuildError> {
  const error = await task.catch((thrown: unknown) => thrown);
  if (error instanceof TsbuildError) return error;
  throw new Error(`no error: ${String(error)}`);
}

describe('what goes wrong with services', () => {
  it('G-32 asks again after a passing fault, and after the time that was asked for', async () => {
    const faults = [429, 503];
    await using server = await startS3({
      ...bucket,
      intercept: () => {
        const status = faults.shift();
        return status === undefined ? undefined : { status, headers: { 'retry-after': '0' } };
      },
    });
    await placeOf(s3Spec(server.host)).put(blob);
    expect(await placeOf(s3Spec(server.host)).has(blob)).toBe(true);
  });

  it('O-13 a limit of requests that lasts is told', async () => {
    await using server = await startGha({
      intercept: () => ({
        status: 429,
        headers: { 'retry-after': '3600' },
        body: '{"code":"resource_exhausted","msg":"slow down"}',
      }),
    });
    expect(await failureOf(placeOf(server.options(2, 'main')).has(blob))).toMatchObject({
      code: 'CACHE_SERVICE_ERROR',
      message:
        'gha:tsbuild limits how often it is asked: resource_exhausted: slow down (status 429), and asks to wait 3600 s',
    });
  });

  it('O-14 nobody listens', async () => {
    expect(await failureOf(placeOf(s3Spec('127.0.0.1:3')).has(blob))).toMatchObject({
      code: 'CACHE_SERVICE_UNREACHABLE',
      message: 'cannot speak to s3:ci-cache/tsbuild: the connection was refused',
    });
  });

  it('S-60 a signed request follows no redirect to another host', async () => {
    await using other = await serve((response) => void response.writeHead(200).end());
    await using server = await startS3({
      ...bucket,
      intercept: ({ path }) => ({ status: 307, headers: { location: `${other.origin}${path}` } }),
    });
    const failed = await failureOf(placeOf(s3Spec(server.host)).documents());
    expect(failed).toMatchObject({ code: 'CACHE_SERVICE_ERROR' });
    expect(failed.message).toContain(`is elsewhere: a redirect that is not followed (to ${other.origin})`);
    expect(other.seen).toEqual([]);
  });

  it('S-61 what a server repeats of the request is not told', async () => {
    await using server = await startS3({
      ...bucket,
      intercept: ({ headers }) => ({
        status: 403,
        body: `<Error><Code>No</Code><Message>${s3Keys.secretAccessKey} ${headers['authorization'] ?? ''}\u001b[2J</Message></Error>`,
      }),
    });
    const { message } = await failureOf(placeOf(s3Spec(server.host)).documents());
    expect(message).toContain('refused: No: xxxxx AWS4-HMAC-SHA256');
    expect(message).not.toMatch(/AKIA|\u001b/);
  });

  it('S-61 a token that no header takes is not told', async () => {
    await using server = await startGha();
    const place = placeOf(`type=gha,version=2,url_v2=http://${server.host}/results,token=hush\nhush`);
    const { code, message, cause } = await failureOf(place.has(blob));
    expect(code).toBe('CACHE_SERVICE_DENIED');
    expect(message + String(cause)).not.toContain('hush');
  });

  it('S-61 what signs an address is not told when a server repeats the address', async () => {
    await using server = await startGha({
      intercept: ({ method, path, query }) => {
        if (method !== 'GET' || !path.startsWith('/entry/')) return undefined;
        return {
          status: 403,
          body: `no: ${path}?sig=${encodeURIComponent(new Map(query).get('sig') ?? '')}`,
        };
      },
    });
    const place = placeOf(server.options(2, 'main'));
    await place.put(blob);
    const { message } = await failureOf(bytesIn(place, blob));
    expect(message).toMatch(/refused: no: \/entry\/0\?sig=xxxxx \(status 403\)$/);
  });

  it('O-14 a blob whose transfer is cut goes on where it stopped', async () => {
    const large = blobOf(Buffer.alloc(200_000, 'large'));
    let cuts = 0;
    await using server = await startS3({
      ...bucket,
      intercept: ({ method, headers }) => {
        if (method !== 'GET' || headers['range'] !== undefined) return undefined;
        cuts += 1;
        const body = server.objects.get(`blobs/${large.digest}`)?.bytes.subarray(0, 70_000) ?? '';
        return { status: 200, body };
      },
    });
    await placeOf(s3Spec(server.host)).put(large);
    expect((await bytesIn(placeOf(s3Spec(server.host)), large)).byteLength).toBe(200_000);
    expect(cuts).toBe(1);
  });

  it('O-14 an upload that fails leaves no parts that are paid for', async () => {
    await using server = await startS3({
      ...bucket,
      intercept: ({ query }) => (new Map(query).get('partNumber') === '2' ? { status: 403 } : undefined),
    });
    const failed = await failureOf(placeOf(s3Spec(server.host)).put(blobOf(Buffer.alloc(600_000))));
    expect(failed.code).toBe('CACHE_SERVICE_DENIED');
    expect([...server.uploads]).toEqual([]);
  });

  it('O-14 nor does one that is stopped', async () => {
    const stop = new AbortController();
    await using server = await startS3({
      ...bucket,
      intercept: ({ query }) => {
        if (new Map(query).get('partNumber') === '2') stop.abort();
        return undefined;
      },
    });
    const place = placeOf(s3Spec(server.host), { signal: stop.signal });
    const failed = await failureOf(place.put(blobOf(Buffer.alloc(600_000))));
    expect(failed.code).toBe('INTERRUPTED');
    expect([...server.uploads]).toEqual([]);
  });

  it('O-14 B-20 what another wrote over is put there again, where conditions are ignored', async () => {
    let isFirst = true;
    await using server = await startS3({
      ...bucket,
      conditions: 'ignored',
      intercept: ({ method, path }) => {
        if (method !== 'PUT' || !isFirst) return undefined;
        isFirst = false;
        // The other had read before this one wrote.
        const key = decodeURIComponent(path).replace('/ci-cache/', '');
        server.objects.set(key, { bytes: Buffer.from('other'), tag: '"o"', modified: new Date() });
        return { status: 200 };
      },
    });
    await placeOf(s3Spec(server.host)).replace((there) => {
      const before = there?.toString() ?? '';
      return before.includes('own') ? undefined : Buffer.from(`${before} own`);
    });
    expect((await placeOf(s3Spec(server.host)).documents()).map(String)).toEqual(['other own']);
  });

  it('O-14 what was not used for a day is made young', async () => {
    await using server = await startS3(bucket);
    await placeOf(s3Spec(server.host)).put(blob);
    const [[key, object] = ['', undefined]] = [...server.objects];
    if (object !== undefined) server.objects.set(key, { ...object, modified: new Date('2020-01-01') });
    expect(await placeOf(s3Spec(server.host)).has(blob)).toBe(true);
    expect(server.objects.get(key)?.modified.getFullYear()).toBeGreaterThan(2020);
  });
});
