import { createHash, createHmac } from 'node:crypto';

import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import {
  answerWith,
  isRefused,
  readRequest,
  sendAnswer,
  type ObjectAnswer,
  type ObjectRequest,
  type StoredObject,
} from './object-request.ts';

export interface S3ServerOptions {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
  readonly bucket: string;
  /** What it makes of If-Match and If-None-Match; `heeded` unless told. */
  readonly conditions?: 'heeded' | 'ignored' | 'refused';
  /** Answers in the place of the server. */
  readonly intercept?: (request: ObjectRequest) => ObjectAnswer | undefined;
}

export interface S3Server extends FaultProxy {
  /** By key, decoded. */
  readonly objects: Map<string, StoredObject>;
  /** Uploads that were neither completed nor aborted. */
  readonly uploads: Map<string, Map<number, Buffer>>;
}

/** One bucket as Amazon S3 has it, which takes no request but those that are signed to the letter. */
export async function startS3(options: S3ServerOptions): Promise<S3Server> {
  const objects = new Map<string, StoredObject>();
  const uploads = new Map<string, Map<number, Buffer>>();
  const proxy = await startFaultProxy(undefined, async (request, response) => {
    const asked = await readRequest(request);
    const key = keyOf(asked, options.bucket);
    const answer =
      options.intercept?.(asked) ??
      refusal(asked, options) ??
      (key === undefined ? failure(404, 'NoSuchBucket') : carryOut(asked, key));
    sendAnswer(response, asked.method, answer);
    return true;
  });

  function carryOut(asked: ObjectRequest, key: string): ObjectAnswer {
    const query = new Map(asked.query);
    const there = objects.get(key);
    const id = query.get('uploadId');
    switch (asked.method) {
      case 'GET':
      case 'HEAD':
        return there === undefined ? failure(404, 'NoSuchKey') : answerWith(there, asked);
      case 'DELETE':
        return { status: uploads.delete(id ?? '') ? 204 : 404 };
      case 'POST':
        if (query.has('uploads')) {
          const made = `id/+${uploads.size}`;
          uploads.set(made, new Map());
          return { status: 200, body: `<?xml version="1.0"?><R><UploadId>${made}</UploadId></R>` };
        }
        return complete(asked, key, id ?? '');
      default:
        return put(asked, key, query);
    }
  }

  function put(asked: ObjectRequest, key: string, query: ReadonlyMap<string, string>): ObjectAnswer {
    const { headers, body } = asked;
    const upload = query.get('uploadId');
    if (upload !== undefined) {
      uploads.get(upload)?.set(Number(query.get('partNumber')), body);
      return { status: 200, headers: { etag: tagOf(body) } };
    }
    const source = headers['x-amz-copy-source'];
    if (source !== undefined) {
      const from = objects.get(decodeURIComponent(source).slice(`/${options.bucket}/`.length));
      if (from === undefined || headers['x-amz-metadata-directive'] !== 'REPLACE')
        return failure(400, 'InvalidRequest');
      objects.set(key, { ...from, modified: new Date() });
      return { status: 200, body: '<CopyObjectResult/>' };
    }
    const isConditional = 'if-match' in headers || 'if-none-match' in headers;
    const { conditions = 'heeded' } = options;
    if (isConditional && conditions === 'refused') return failure(501, 'NotImplemented');
    if (isConditional && conditions === 'heeded' && isRefused(headers, objects.get(key)))
      return failure(412, 'PreconditionFailed');
    objects.set(key, { bytes: body, tag: tagOf(body), modified: new Date() });
    return { status: 200 };
  }

  function complete({ body }: ObjectRequest, key: string, id: string): ObjectAnswer {
    const parts = uploads.get(id) ?? new Map<number, Buffer>();
    const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>(.*?)<\/ETag>/g)];
    const bytes = named.map(([, number, tag]) => {
      const part = parts.get(Number(number));
      return part !== undefined && tagOf(part) === tag?.replaceAll('&quot;', '"') ? part : undefined;
    });
    if (bytes.length === 0 || bytes.includes(undefined)) return failure(400, 'InvalidPart');
    const whole = Buffer.concat(bytes.flatMap((part) => part ?? []));
    objects.set(key, { bytes: whole, tag: tagOf(whole), modified: new Date() });
    uploads.delete(id);
    return { status: 200, body: '<CompleteMultipartUploadResult/>' };
  }

  return Object.assign(proxy, { objects, uploads });
}

/** The bucket stands before the host's name, or first in the path. */
function keyOf({ headers, path }: ObjectRequest, bucket: string): string | undefined {
  const inHost = headers['host']?.startsWith(`${bucket}.`) === true;
  const [, named = '', key = ''] = /^\/([^/]*)\/(.*)$/s.exec(inHost ? `/${bucket}${path}` : path) ?? [];
  return named === bucket ? decodeURIComponent(key) : undefined;
}

/** Why the request is not to be believed (Amazon S3 API reference, "Authenticating Requests"). */
function refusal(asked: ObjectRequest, options: S3ServerOptions): ObjectAnswer | undefined {
  const { headers, body } = asked;
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request,SignedHeaders=([a-z0-9;-]+),Signature=([0-9a-f]{64})$/;
  const [, id, day = '', region, names = '', signature] = pattern.exec(headers['authorization'] ?? '') ?? [];
  if (id !== options.accessKeyId) return failure(403, 'InvalidAccessKeyId');
  if (region !== options.region) return failure(400, 'AuthorizationHeaderMalformed');
  const time = headers['x-amz-date'] ?? '';
  const [, year, month, date, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time) ?? [];
  const moment = Date.parse(`${year}-${month}-${date}T${hour}:${minute}:${second}Z`);
  if (!time.startsWith(day) || !(Math.abs(Date.now() - moment) < 15 * 60_000))
    return failure(403, 'RequestTimeTooSkewed');
  const hash = createHash('sha256').update(body).digest('hex');
  if (headers['x-amz-content-sha256'] !== hash) return failure(400, 'XAmzContentSHA256Mismatch');
  if (headers['x-amz-security-token'] !== options.sessionToken) return failure(403, 'InvalidToken');
  const needed = Object.keys(headers).filter((name) => name === 'host' || name.startsWith('x-amz-'));
  const signed = names.split(';');
  if (needed.some((name) => !signed.includes(name)) || names !== signed.toSorted().join(';'))
    return failure(403, 'AccessDenied', 'There were headers present in the request which were not signed');
  const canonical = `${asked.method}\n${asked.path}\n${canonicalQuery(asked)}\n${signed
    .map((name) => `${name}:${(headers[name] ?? '').trim()}\n`)
    .join('')}\n${names}\n${hash}`;
  const hmac = (key: string | Buffer, text: string): Buffer =>
    createHmac('sha256', key).update(text).digest();
  const key = hmac(hmac(hmac(hmac(`AWS4${options.secretAccessKey}`, day), region), 's3'), 'aws4_request');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const expected = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${day}/${region}/s3/aws4_request\n${digest}`);
  if (expected.toString('hex') !== signature) return failure(403, 'SignatureDoesNotMatch', canonical);
  return undefined;
}

function canonicalQuery({ query }: ObjectRequest): string {
  const encode = (text: string): string =>
    [...Buffer.from(text)]
      .map((byte) => {
        const letter = String.fromCharCode(byte);
        return /[A-Za-z0-9._~-]/.test(letter)
          ? letter
          : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      })
      .join('');
  return query
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join('&');
}

function tagOf(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

function failure(status: number, code: string, message = 'no'): ObjectAnswer {
  const body = `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>${message}</Message><AWSAccessKeyId>repeated</AWSAccessKeyId></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}
