import type { AzureProof, AzureSpec, GhaSpec, S3Spec, ServiceSpec } from '../object-store/index.ts';
import { boolean, invalid, type Given } from './spec-fields.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Kind = ServiceSpec['kind'];

const named = ['name', 'prefix', 'blobs_prefix', 'manifests_prefix'];

/** As BuildKit calls them. */
export const serviceFields: Readonly<Record<Kind, readonly string[]>> = {
  gha: ['scope', 'url', 'url_v2', 'token', 'timeout', 'version', 'repository', 'ghtoken'],
  s3: [
    ...['bucket', 'region', ...named, 'endpoint_url', 'use_path_style', 'access_key_id', 'secret_access_key'],
    ...['session_token', 'touch_refresh', 'upload_parallelism'],
  ],
  azblob: ['account_url', 'account_name', 'container', ...named, 'secret_access_key', 'sas_token'],
};

/** What is not given comes from the environment, where the service's own tools look, too. Throws USAGE. */
export function serviceOf(kind: Kind, given: Given, environment: Environment = process.env): ServiceSpec {
  const env = (name: string): string | undefined => nonEmpty(environment[name]);
  switch (kind) {
    case 'gha':
      return ghaOf(given, env);
    case 's3':
      return s3Of(given, env);
    case 'azblob':
      return azureOf(given, env);
  }
}

/** False for the cache of GitHub's jobs anywhere else: there is none, and a build that has one line for both goes on. */
export function isRequired(service: ServiceSpec, environment: Environment = process.env): boolean {
  return service.kind !== 'gha' || service.token !== undefined || environment['GITHUB_ACTIONS'] === 'true';
}

type Lookup = (name: string) => string | undefined;

function ghaOf(given: Given, env: Lookup): GhaSpec {
  const get = lookup(given);
  const scope = get('scope') ?? 'tsbuild';
  // The service takes 512 letters and no commas.
  if (!/^[\x21-\x2b\x2d-\x7e]{1,256}$/.test(scope))
    throw invalid(given.flag, given.text, 'a scope of at most 256 letters without blanks and commas');
  const version = versionOf(given, env);
  const [repository, ghtoken] = [get('repository'), get('ghtoken')];
  if (repository !== undefined && !/^[\w.-]+\/[\w.-]+$/.test(repository))
    throw invalid(given.flag, given.text, 'repository=OWNER/NAME');
  return {
    ...{ kind: 'gha', scope, version },
    url:
      version === 2
        ? url(given, 'url_v2', env('ACTIONS_RESULTS_URL'))
        : url(given, 'url', env('ACTIONS_CACHE_URL')),
    token: get('token') ?? env('ACTIONS_RUNTIME_TOKEN'),
    timeout: duration(given, 'timeout', 600_000),
    listing:
      repository === undefined || ghtoken === undefined
        ? undefined
        : { api: env('GITHUB_API_URL') ?? 'https://api.github.com', repository, token: ghtoken },
  };
}

/** The runner says which one its server has; without a word of it, whichever it gave the address of. */
function versionOf(given: Given, env: Lookup): 1 | 2 {
  const told = lookup(given)('version');
  if (told !== undefined && told !== '1' && told !== '2')
    throw invalid(given.flag, given.text, 'version=1 or version=2');
  if (told !== undefined) return told === '1' ? 1 : 2;
  const flag = env('ACTIONS_CACHE_SERVICE_V2');
  if (flag !== undefined) return /^(1|t|true)$/i.test(flag) ? 2 : 1;
  if (given.fields.has('url_v2')) return 2;
  return given.fields.has('url') || env('ACTIONS_CACHE_URL') !== undefined ? 1 : 2;
}

function s3Of(given: Given, env: Lookup): S3Spec {
  const get = lookup(given);
  const bucket = get('bucket') ?? env('AWS_BUCKET') ?? '';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/.test(bucket))
    throw invalid(given.flag, given.text, 'bucket=NAME, or AWS_BUCKET set to it');
  const region = get('region') ?? env('AWS_REGION') ?? env('AWS_DEFAULT_REGION');
  if (region !== undefined && !/^[a-z0-9-]{1,64}$/i.test(region))
    throw invalid(given.flag, given.text, 'region=NAME, as us-east-1');
  const [accessKeyId, secretAccessKey] = [get('access_key_id'), get('secret_access_key')];
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw invalid(given.flag, given.text, 'access_key_id=… and secret_access_key=… together');
  return {
    ...{ kind: 's3', bucket, region, ...namesOf(given, '/') },
    endpoint: url(given, 'endpoint_url', env('AWS_ENDPOINT_URL_S3') ?? env('AWS_ENDPOINT_URL')),
    pathStyle: boolean(given, 'use_path_style'),
    keys:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey, sessionToken: get('session_token') },
    touchRefresh: duration(given, 'touch_refresh', 24 * 3_600_000),
    parallelism: count(given, 'upload_parallelism', 4),
  };
}

function azureOf(given: Given, env: Lookup): AzureSpec {
  const get = lookup(given);
  const address = url(given, 'account_url', env('BUILDKIT_AZURE_STORAGE_ACCOUNT_URL'));
  if (address === undefined)
    throw invalid(
      given.flag,
      given.text,
      'account_url=https://ACCOUNT.blob.core.windows.net, or BUILDKIT_AZURE_STORAGE_ACCOUNT_URL set to it',
    );
  const { origin, pathname, search, hostname } = new URL(address);
  const account =
    get('account_name') ?? env('BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME') ?? hostname.split('.')[0] ?? '';
  if (!/^[a-z0-9-]{1,63}$/.test(account)) throw invalid(given.flag, given.text, 'account_name=NAME');
  const container = get('container') ?? env('BUILDKIT_AZURE_STORAGE_CONTAINER') ?? 'buildkit-cache';
  if (!/^[a-z0-9$][a-z0-9-]{2,62}$/.test(container))
    throw invalid(given.flag, given.text, 'container=NAME of small letters, digits and -');
  const key = get('secret_access_key');
  const query = get('sas_token') ?? nonEmpty(search);
  return {
    ...{ kind: 'azblob', account, container, accountUrl: origin + pathname },
    ...namesOf(given, '', env('BUILDKIT_AZURE_STORAGE_PREFIX')),
    proof: proofOf(key, query) ?? proofOf(env('AZURE_STORAGE_KEY'), env('AZURE_STORAGE_SAS_TOKEN')),
  };
}

function proofOf(key: string | undefined, query: string | undefined): AzureProof | undefined {
  if (key !== undefined) return { kind: 'key', key };
  return query === undefined ? undefined : { kind: 'sas', query: query.replace(/^\?/, '') };
}

/** Prefixes go before names as they are in S3, and as folders in Azure. */
function namesOf(
  given: Given,
  slash: string,
  prefix = '',
): Pick<S3Spec, 'names' | 'prefix' | 'blobsPrefix' | 'manifestsPrefix'> {
  const get = lookup(given);
  const names = (get('name') ?? 'tsbuild').split(';');
  const found = {
    names,
    prefix: get('prefix') ?? prefix,
    blobsPrefix: given.fields.get('blobs_prefix') ?? `blobs${slash}`,
    manifestsPrefix: given.fields.get('manifests_prefix') ?? `manifests${slash}`,
  };
  // A URL would be another's with dots for folders in its path.
  const isPlain = (text: string): boolean =>
    /^[\x20-\x7e]{0,256}$/.test(text) && !text.split('/').some((part) => part === '.' || part === '..');
  if (Object.values(found).flat().every(isPlain) && !names.includes('')) return found;
  throw invalid(given.flag, given.text, 'names and prefixes of plain letters, without . and .. for folders');
}

function lookup({ fields }: Given): Lookup {
  return (name) => nonEmpty(fields.get(name));
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function url(given: Given, name: string, otherwise: string | undefined): string | undefined {
  const text = lookup(given)(name) ?? otherwise;
  if (text === undefined) return undefined;
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol) && parsed.username + parsed.password === '')
    return text;
  throw invalid(given.flag, given.text, `${name}=https://…, without a user`);
}

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Milliseconds, of `10m`, `1h30m` or `90s`. */
function duration(given: Given, name: string, otherwise: number): number {
  const text = lookup(given)(name);
  if (text === undefined) return otherwise;
  const parts = [...text.matchAll(/(\d{1,9})(h|ms|m|s)/g)];
  const total = parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (units[unit] ?? 0), 0);
  if (parts.map(([part]) => part).join('') === text && total <= maxDuration) return total;
  throw invalid(given.flag, given.text, `${name}=10m, or 24h`);
}

/** Ten years. */
const maxDuration = 10 * 366 * 24 * 3_600_000;

function count(given: Given, name: string, otherwise: number): number {
  const text = lookup(given)(name);
  if (text === undefined) return otherwise;
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw invalid(given.flag, given.text, `${name}=1 to 99`);
}
