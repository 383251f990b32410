import { azureKey, startAzure } from './azure-server.ts';
import { startGha } from './gha-server.ts';
import { startS3 } from './s3-server.ts';

/** A service that keeps caches, and how a build is told of it. */
export interface CacheService extends AsyncDisposable {
  /** For --cache-to and --cache-from; it has secrets. */
  readonly spec: string;
  /** What the spec has of secrets. */
  readonly secrets: readonly string[];
  /** Bytes by the names that the service has for them. */
  readonly bytes: () => ReadonlyMap<string, Buffer>;
  /** Loses what it keeps under a name. */
  readonly lose: (name: string) => void;
}

export const s3Keys = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
} as const;

/** Each kind that there is, started anew. */
export const cacheServices: Readonly<Record<string, () => Promise<CacheService>>> = {
  'the cache of GitHub Actions, version 2': async () => ghaService(2),
  'the cache of GitHub Actions, version 1': async () => ghaService(1),
  'a bucket of S3': async () => s3Service('heeded'),
  'a bucket of a service that ignores conditions': async () => s3Service('ignored'),
  'a bucket of a service that refuses conditions': async () => s3Service('refused'),
  'a container of Azure': azureService,
  'a container of Azure, by an access signature': async () => azureService('sv=2020-10-02&sig=a%2Bb%3D'),
};

async function ghaService(version: 1 | 2): Promise<CacheService> {
  const server = await startGha();
  const spec = server.options(version, 'refs/heads/feature', 'refs/heads/main');
  return {
    spec,
    secrets: [/token=(.*)$/.exec(spec)?.[1] ?? '', 'sig='],
    bytes: () =>
      new Map(
        server.entries.flatMap(({ key }, place) => {
          const bytes = server.objects.get(`/entry/${place}`)?.bytes;
          return bytes === undefined ? [] : [[key, bytes]];
        }),
      ),
    lose: (name) => {
      const place = server.entries.findIndex(({ key }) => key === name);
      const entry = server.entries[place];
      if (entry !== undefined) server.entries[place] = { ...entry, key: 'evicted' };
    },
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

async function s3Service(conditions: 'heeded' | 'ignored' | 'refused'): Promise<CacheService> {
  const place = { region: 'eu-north-1', bucket: 'ci-cache' };
  const server = await startS3({ ...s3Keys, ...place, sessionToken: 'a+session/token==', conditions });
  const keys = `access_key_id=${s3Keys.accessKeyId},secret_access_key=${s3Keys.secretAccessKey},session_token=a+session/token==`;
  return {
    spec: `type=s3,bucket=ci-cache,region=eu-north-1,endpoint_url=http://${server.host},use_path_style=true,${keys},prefix=a b/c+d~e/`,
    secrets: [s3Keys.secretAccessKey, 'a+session/token=='],
    bytes: () => new Map([...server.objects].map(([name, { bytes }]) => [name, bytes])),
    lose: (name) => void server.objects.delete(name),
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

async function azureService(sas?: string): Promise<CacheService> {
  const server = await startAzure({ account: 'devaccount', key: azureKey, ...(sas && { sas }) });
  const url = `http://${server.host}/devaccount`;
  const proof = sas === undefined ? `,secret_access_key=${azureKey}` : `,sas_token=${sas}`;
  return {
    spec: `type=azblob,account_url=${url},account_name=devaccount,prefix=a b/c+d~e${proof}`,
    secrets: [sas === undefined ? azureKey : 'sig='],
    bytes: () => new Map([...server.objects].map(([name, { bytes }]) => [name, bytes])),
    lose: (name) => void server.objects.delete(name),
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}
