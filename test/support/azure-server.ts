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

export interface AzureServer extends FaultProxy {
  /** By path below the account: `container/name`, decoded. */
  readonly objects: Map<string, StoredObject>;
  readonly containers: Set<string>;
}

export interface AzureServerOptions {
  readonly account: string;
  /** base64 */
  readonly key: string;
  /** A query whose letters are taken as proof, in the place of a signed access signature of the account. */
  readonly sas?: string;
}

/** Blob storage of one account below `/account`, as the emulator has it; requests are signed, or they are refused. */
export async function startAzure(options: AzureServerOptions): Promise<AzureServer> {
  const { account } = options;
  const objects = new Map<string, StoredObject>();
  const containers = new Set<string>();
  const blobs = blockBlobs(objects);
  const proxy = await startFaultProxy(undefined, async (request, response) => {
    const asked = await readRequest(request);
    sendAnswer(response, asked.method, refusal(asked, options) ?? carryOut(asked));
    return true;
  });

  function carryOut(asked: ObjectRequest): ObjectAnswer {
    const [, named, container = '', name = ''] =
      /^\/([^/]+)\/([^/]+)(?:\/(.+))?$/s.exec(decodeURIComponent(asked.path)) ?? [];
    if (named !== account) return azureFailure(400, 'InvalidUri');
    if (asked.method === 'PUT' && new Map(asked.query).get('restype') === 'container') {
      if (containers.has(container)) return azureFailure(409, 'ContainerAlreadyExists');
      containers.add(container);
      return { status: 201 };
    }
    if (!containers.has(container)) return azureFailure(404, 'ContainerNotFound');
    return blobs(`${container}/${name}`, asked);
  }

  return Object.assign(proxy, { objects, containers });
}

/** The requests of block blobs, whoever asks. */
export function blockBlobs(
  objects: Map<string, StoredObject>,
): (name: string, asked: ObjectRequest) => ObjectAnswer {
  const blocks = new Map<string, Buffer>();
  const put = (name: string, bytes: Buffer): ObjectAnswer => {
    objects.set(name, {
      bytes,
      tag: `"0x${objects.size}${Date.now()}${bytes.byteLength}"`,
      modified: new Date(),
    });
    return { status: 201, headers: { etag: objects.get(name)?.tag ?? '' } };
  };
  return (name, asked) => {
    const query = new Map(asked.query);
    const there = objects.get(name);
    if (asked.headers['x-ms-version'] === undefined) return azureFailure(400, 'InvalidHeaderValue');
    if (asked.method === 'GET' || asked.method === 'HEAD')
      return there === undefined ? azureFailure(404, 'BlobNotFound') : answerWith(there, asked);
    if (asked.headers['content-length'] === undefined) return azureFailure(411, 'MissingContentLengthHeader');
    if (isRefused(asked.headers, there)) return azureFailure(412, 'ConditionNotMet');
    switch (query.get('comp')) {
      case 'block':
        if (!/^[A-Za-z0-9+/]+=*$/.test(query.get('blockid') ?? ''))
          return azureFailure(400, 'InvalidBlobOrBlock');
        blocks.set(`${name} ${query.get('blockid') ?? ''}`, asked.body);
        return { status: 201 };
      case 'blocklist': {
        const ids = [...asked.body.toString().matchAll(/<Latest>(.*?)<\/Latest>/g)].map(([, id = '']) => id);
        const parts = ids.map((id) => blocks.get(`${name} ${id}`));
        if (parts.includes(undefined)) return azureFailure(400, 'InvalidBlockList');
        return put(name, Buffer.concat(parts.flatMap((part) => part ?? [])));
      }
      case undefined:
        if (asked.headers['x-ms-blob-type'] !== 'BlockBlob') return azureFailure(400, 'InvalidHeaderValue');
        return put(name, asked.body);
      default:
        return azureFailure(400, 'InvalidQueryParameterValue');
    }
  };
}

export function azureFailure(status: number, code: string): ObjectAnswer {
  return {
    status,
    headers: { 'x-ms-error-code': code },
    body: `\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>no\nRequestId:1</Message></Error>`,
  };
}

/** "Authorize with Shared Key" of the storage services' REST reference. */
function refusal(asked: ObjectRequest, { account, key, sas }: AzureServerOptions): ObjectAnswer | undefined {
  const { method, path, query, headers } = asked;
  if (sas !== undefined) {
    const has = new URLSearchParams(sas);
    const isProven = [...has].every(([name, value]) => new Map(query).get(name) === value);
    return isProven && headers['authorization'] === undefined
      ? undefined
      : azureFailure(403, 'AuthenticationFailed');
  }
  const date = Date.parse(headers['x-ms-date'] ?? '');
  if (!(Math.abs(Date.now() - date) < 15 * 60_000)) return azureFailure(403, 'AuthenticationFailed');
  const length = headers['content-length'] ?? '';
  const lines = [
    method,
    headers['content-encoding'] ?? '',
    headers['content-language'] ?? '',
    length === '0' ? '' : length,
    headers['content-md5'] ?? '',
    headers['content-type'] ?? '',
    '',
    headers['if-modified-since'] ?? '',
    headers['if-match'] ?? '',
    headers['if-none-match'] ?? '',
    headers['if-unmodified-since'] ?? '',
    headers['range'] ?? '',
    ...Object.keys(headers)
      .filter((name) => name.startsWith('x-ms-'))
      .toSorted()
      .map((name) => `${name}:${headers[name] ?? ''}`),
    `/${account}${path}`,
    ...query.map(([name, value]) => `${name}:${value}`).toSorted(),
  ];
  const signature = createHmac('sha256', Buffer.from(key, 'base64'))
    .update(lines.join('\n'))
    .digest('base64');
  if (headers['authorization'] === `SharedKey ${account}:${signature}`) return undefined;
  return azureFailure(403, 'AuthenticationFailed');
}

/** A key as Azure gives them. */
export const azureKey = createHash('sha512').update('a key').digest('base64');
