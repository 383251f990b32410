import { createHash, createHmac } from 'node:crypto';

import type { AwsKeys } from './types.ts';

export interface Signing {
  readonly method: string;
  /** Its path as `encodePath` makes it. */
  readonly url: URL;
  /** All are signed; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The sha256 of the body, hexadecimal. */
  readonly payload: string;
  readonly keys: AwsKeys;
  readonly region: string;
  readonly now: Date;
}

export const emptyPayload = hex('');

/**
 * The headers of a request with a signature of version 4 among them (Amazon S3 API reference, "Authenticating Requests:
 * Using the Authorization Header"). Paths are not normalised, as S3 alone has it.
 */
export function signedHeaders(signing: Signing): Readonly<Record<string, string>> {
  const { method, url, payload, keys, region, now } = signing;
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const headers: Readonly<Record<string, string>> = {
    ...signing.headers,
    'x-amz-content-sha256': payload,
    'x-amz-date': time,
    ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
  };
  const signed = Object.entries({ ...headers, host: url.host }).toSorted(byName);
  const names = signed.map(([name]) => name).join(';');
  const canonical = [
    ...[method, url.pathname, canonicalQuery(url)],
    ...signed.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}`),
    ...['', names, payload],
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', time, scope, hex(canonical)].join('\n');
  const key = [...scope.split('/')].reduce<Buffer | string>(
    (secret, part) => hmac(secret, part),
    `AWS4${keys.secretAccessKey}`,
  );
  const signature = hmac(key, text).toString('hex');
  const credential = `${keys.accessKeyId}/${scope}`;
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${names},Signature=${signature}`,
  };
}

/** A key as it stands in a path: every byte but letters, digits and `-._~/` in percent signs. */
export function encodePath(key: string): string {
  return key.split('/').map(encode).join('/');
}

function canonicalQuery({ searchParams }: URL): string {
  return [...searchParams]
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .toSorted(byName)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function byName([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1;
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
