import { afterEach, describe, expect, it, vi } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { parseCacheFrom, parseCacheTo } from '../../src/remote-cache/index.ts';

const url = 'https://ours.blob.core.windows.net';

function serviceOf(text: string, environment: Readonly<Record<string, string>> = {}): unknown {
  for (const name of ['ACTIONS_CACHE_SERVICE_V2', 'ACTIONS_CACHE_URL', 'ACTIONS_RESULTS_URL', 'AWS_REGION'])
    vi.stubEnv(name, '');
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  return Reflect.get(parseCacheFrom(text), 'service');
}

describe('services as sources and aims', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    ['True', '', 2, 'https://results/'],
    ['', '', 2, 'https://results/'],
    ['', 'https://cache/', 1, 'https://cache/'],
    ['false', 'https://cache/', 1, 'https://cache/'],
    ['1', 'https://cache/', 2, 'https://results/'],
  ])('O-13 ACTIONS_CACHE_SERVICE_V2=%j ACTIONS_CACHE_URL=%j: version %i', (flag, cache, version, address) => {
    const environment = {
      ACTIONS_CACHE_SERVICE_V2: flag,
      ACTIONS_CACHE_URL: cache,
      ACTIONS_RESULTS_URL: 'https://results/',
      ACTIONS_RUNTIME_TOKEN: 'jwt',
    };
    const expected = { version, url: address, token: 'jwt', scope: 'tsbuild', timeout: 600_000 };
    expect(serviceOf('type=gha', environment)).toMatchObject(expected);
  });

  it('O-13 outside of its jobs there is no cache, and no failure', () => {
    vi.stubEnv('ACTIONS_RUNTIME_TOKEN', '');
    vi.stubEnv('GITHUB_ACTIONS', '');
    expect(parseCacheTo('type=gha,mode=max,scope=app')).toMatchObject({
      ignoreError: true,
      scope: undefined,
    });
    vi.stubEnv('GITHUB_ACTIONS', 'true');
    expect(parseCacheTo('type=gha')).toMatchObject({ ignoreError: false });
  });

  it('O-14 as BuildKit names it', () => {
    const text =
      'type=s3,bucket=ours,region=eu-north-1,name=a;b,prefix=p/,touch_refresh=1h30m,upload_parallelism=8,use_path_style=true,mode=max';
    expect(serviceOf(text)).toMatchObject({
      ...{ bucket: 'ours', region: 'eu-north-1', names: ['a', 'b'], prefix: 'p/', blobsPrefix: 'blobs/' },
      ...{ touchRefresh: 5_400_000, parallelism: 8, pathStyle: true },
    });
    expect(serviceOf('type=s3,bucket=ours', { AWS_REGION: 'eu-west-1' })).toMatchObject({
      region: 'eu-west-1',
    });
  });

  it('O-15 as BuildKit names it', () => {
    expect(serviceOf(`type=azblob,account_url=${url}/?sv=1&sig=a%2Bb`)).toMatchObject({
      ...{ account: 'ours', container: 'buildkit-cache', accountUrl: `${url}/` },
      proof: { kind: 'sas', query: 'sv=1&sig=a%2Bb' },
    });
    const environment = { BUILDKIT_AZURE_STORAGE_ACCOUNT_URL: url, AZURE_STORAGE_KEY: 'a2V5' };
    expect(serviceOf('type=azblob', environment)).toMatchObject({ proof: { kind: 'key', key: 'a2V5' } });
  });

  it.each([
    ['type=gha,scope=a b', 'a scope of'],
    ['type=gha,timeout=soon', 'timeout=10m'],
    ['type=gha,url_v2=ftp://x', 'url_v2=https://'],
    ['type=s3', 'bucket=NAME'],
    ['type=s3,bucket=../x', 'bucket=NAME'],
    ['type=s3,bucket=ours,name=../../other', 'without . and ..'],
    ['type=s3,bucket=ours,name=a;;b', 'names and prefixes'],
    ['type=s3,bucket=ours,access_key_id=a', 'secret_access_key=… together'],
    ['type=s3,bucket=ours,buket=x', 'bucket; type=s3 takes'],
    ['type=azblob', 'account_url=https://'],
    [`type=azblob,account_url=${url},container=No`, 'container=NAME'],
  ])('O-13 O-14 O-15 refuses %j and says what is expected', (text, hint) => {
    vi.stubEnv('AWS_BUCKET', '');
    vi.stubEnv('BUILDKIT_AZURE_STORAGE_ACCOUNT_URL', '');
    expect(failureOf(text)).toMatchObject({ code: 'USAGE', hint: expect.stringContaining(hint) as string });
  });

  it('S-61 a mistake in a value with secrets repeats none of them', () => {
    const secrets = ['secret_access_key=hush', 'session_token=hush', 'access_key_id=hush'];
    const { message } = failureOf(`type=s3,bucket=ours,${secrets.join(',')},reigon=x`);
    expect(message).not.toContain('hush');
    expect(failureOf(`type=azblob,account_url=${url}?sig=hush,contaner=x`).message).not.toContain('hush');
    expect(failureOf('type=gha,token=hush,ghtoken=hush,scop=x').message).not.toContain('hush');
    expect(failureOf('type=gha,"token=a,hush""b",scop=x').message).not.toContain('hush');
    expect(failureOf('type=gha,token=a,hush,scop=x').message).not.toContain('hush');
    expect(failureOf('type=gha,"token=hush').message).not.toContain('hush');
    expect(failureOf('type=azblob,sas=sv=1&sig=hush').message).not.toContain('hush');
    expect(failureOf('type=gha,token=hush,scop=x').message).toContain('token=…,scop=x');
  });
});

function failureOf(text: string): TsbuildError {
  try {
    parseCacheFrom(text);
  } catch (error) {
    if (error instanceof TsbuildError) return error;
    throw error;
  }
  throw new Error('no error');
}
