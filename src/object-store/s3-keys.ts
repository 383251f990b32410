import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { fromErrno, isErrno, TsbuildError } from '../core/index.ts';
import type { AwsKeys, S3Spec } from './types.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const maxFileBytes = 2 ** 20;

/**
 * The keys and the region of a bucket: those that were given, then the environment's, then the profile's in the files of
 * the aws command (AWS SDKs reference guide, "Credentials and config files"). Throws CACHE_SERVICE_DENIED.
 */
export function awsSettings(
  { keys, region, endpoint }: Pick<S3Spec, 'keys' | 'region' | 'endpoint'>,
  environment: Environment = process.env,
): { readonly keys: AwsKeys; readonly region: string } {
  const profile = nonEmpty(environment['AWS_PROFILE']) ?? 'default';
  let known: Readonly<Record<string, string>> | undefined;
  const ofProfile = (name: string): string | undefined =>
    nonEmpty((known ??= profileSettings(profile, environment))[name]);
  const found = keys ?? keysIn((name) => environment[name.toUpperCase()]) ?? keysIn(ofProfile);
  if (found === undefined) {
    throw new TsbuildError('CACHE_SERVICE_DENIED', 'no credentials for S3 are known', {
      hint: `set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile ${profile} in ~/.aws/credentials`,
    });
  }
  const place = region ?? ofProfile('region') ?? (endpoint === undefined ? undefined : 'us-east-1');
  if (place !== undefined) return { keys: found, region: place };
  throw new TsbuildError('CACHE_SERVICE_DENIED', 'the region of the bucket is not known', {
    hint: 'give region=…, or set AWS_REGION',
  });
}

function keysIn(get: (name: string) => string | undefined): AwsKeys | undefined {
  const accessKeyId = nonEmpty(get('aws_access_key_id'));
  const secretAccessKey = nonEmpty(get('aws_secret_access_key'));
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: nonEmpty(get('aws_session_token')) };
}

function profileSettings(profile: string, environment: Environment): Readonly<Record<string, string>> {
  const home = join(nonEmpty(environment['HOME']) ?? homedir(), '.aws');
  const config = nonEmpty(environment['AWS_CONFIG_FILE']) ?? join(home, 'config');
  const credentials = nonEmpty(environment['AWS_SHARED_CREDENTIALS_FILE']) ?? join(home, 'credentials');
  const section = profile === 'default' ? 'default' : `profile ${profile}`;
  return { ...sectionOf(config, section), ...sectionOf(credentials, profile) };
}

/** Of `[section]`: `name = value`; what is indented belongs to a setting above it and is none of these. */
function sectionOf(path: string, section: string): Record<string, string> {
  const settings: Record<string, string> = {};
  let at = '';
  for (const line of textOf(path).split('\n')) {
    const head = /^\[\s*(.*?)\s*\]/.exec(line)?.[1];
    if (head !== undefined) at = head.replace(/\s+/g, ' ');
    const [, name, value = ''] = /^([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (at === section && name !== undefined) settings[name.toLowerCase()] = value;
  }
  return settings;
}

function textOf(path: string): string {
  try {
    return statSync(path).size > maxFileBytes ? '' : readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return '';
    throw fromErrno(error, `reading ${path}`);
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
