import { createHmac } from 'node:crypto';

import { azureFailure, blockBlobs } from './azure-server.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import {
  answerWith,
  readRequest,
  sendAnswer,
  type ObjectAnswer,
  type ObjectRequest,
  type StoredObject,
} from './object-request.ts';

export interface GhaEntry {
  readonly key: string;
  readonly version: string;
  /** The branch that made it. */
  readonly scope: string;
  /** Undefined until it is finished. */
  size: number | undefined;
}

export interface GhaServer extends FaultProxy {
  /** In the order in which they were reserved. */
  readonly entries: GhaEntry[];
  /** Bytes by the place of their entry, as `/entry/0`. */
  readonly objects: Map<string, StoredObject>;
  /** A token of a job that writes to the first of these branches and reads all of them; undefined: one without any. */
  token(...branches: readonly string[]): string;
  /** What a job of the branches is told, as options of `type=gha`. */
  options(version: 1 | 2, ...branches: readonly string[]): string;
}

export interface GhaServerOptions {
  /** Answers in the place of the server. */
  readonly intercept?: (request: ObjectRequest) => ObjectAnswer | undefined;
}

const secret = 'only the service knows it';

/**
 * The cache service of GitHub Actions in both versions: entries are reserved, filled and finished once, and found in the
 * branches of the token alone. Bytes of version 2 are block blobs behind signed addresses.
 */
export async function startGha({ intercept }: GhaServerOptions = {}): Promise<GhaServer> {
  const entries: GhaEntry[] = [];
  const objects = new Map<string, StoredObject>();
  const tokens = new Map<string, readonly string[]>();
  const blobs = blockBlobs(objects);
  const proxy = await startFaultProxy(undefined, async (request, response) => {
    const asked = await readRequest(request);
    sendAnswer(response, asked.method, intercept?.(asked) ?? answerTo(asked));
    return true;
  });

  function answerTo(asked: ObjectRequest): ObjectAnswer {
    if (asked.path.startsWith('/entry/')) return bytesOf(asked);
    const token = /^Bearer (.+)$/.exec(asked.headers['authorization'] ?? '')?.[1] ?? '';
    const branches = tokens.get(token);
    if (branches === undefined) return json(401, { code: 'unauthenticated', msg: `bad token ${token}` });
    const method = /^\/results\/twirp\/github\.actions\.results\.api\.v1\.CacheService\/(\w+)$/.exec(
      asked.path,
    );
    if (method?.[1] !== undefined) return twirp(method[1], asked, branches);
    const path = /^\/v1\/_apis\/artifactcache\/(.*)$/.exec(asked.path)?.[1];
    return path === undefined ? json(404, { code: 'bad_route', msg: 'no' }) : rest(path, asked, branches);
  }

  function bytesOf(asked: ObjectRequest): ObjectAnswer {
    const isWriting = asked.method === 'PUT';
    const query = new Map(asked.query);
    if (query.get('sig') !== signature(asked.path, isWriting) || 'authorization' in asked.headers)
      return azureFailure(403, 'AuthenticationFailed');
    const there = objects.get(asked.path);
    // Addresses of version 1 lead to whatever keeps the bytes.
    return !isWriting && there !== undefined ? answerWith(there, asked) : blobs(asked.path, asked);
  }

  function signature(path: string, isWriting: boolean): string {
    return createHmac('sha256', secret)
      .update(`${path} ${String(isWriting)}`)
      .digest('base64');
  }

  function addressOf(entry: GhaEntry, isWriting: boolean): string {
    const path = `/entry/${entries.indexOf(entry)}`;
    const sig = encodeURIComponent(signature(path, isWriting));
    return `http://${proxy.host}${path}?sp=${isWriting ? 'cw' : 'r'}&sig=${sig}`;
  }

  function find(keys: readonly string[], version: string, branches: readonly string[]): GhaEntry | undefined {
    for (const scope of branches) {
      const mine = entries
        .filter((entry) => entry.scope === scope && entry.version === version && entry.size !== undefined)
        .toReversed();
      for (const key of keys) {
        const found =
          mine.find((entry) => entry.key === key) ?? mine.find((entry) => entry.key.startsWith(key));
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  function reserve(key: unknown, version: unknown, [scope = '']: readonly string[]): GhaEntry | undefined {
    if (typeof key !== 'string' || key.length > 512 || key.includes(',')) return undefined;
    if (typeof version !== 'string' || !/^[0-9a-f]{64}$/.test(version)) return undefined;
    const is = (one: GhaEntry): boolean => one.key === key && one.version === version && one.scope === scope;
    if (entries.some(is)) return undefined;
    const entry: GhaEntry = { key, version, scope, size: undefined };
    entries.push(entry);
    return entry;
  }

  function finish(entry: GhaEntry | undefined, size: unknown): boolean {
    const bytes = entry && objects.get(`/entry/${entries.indexOf(entry)}`)?.bytes;
    if (entry === undefined || entry.size !== undefined || bytes?.byteLength !== Number(size)) return false;
    entry.size = bytes.byteLength;
    return true;
  }

  function twirp(method: string, asked: ObjectRequest, branches: readonly string[]): ObjectAnswer {
    if (asked.method !== 'POST' || asked.headers['content-type'] !== 'application/json')
      return json(404, { code: 'bad_route', msg: 'no' });
    const body = JSON.parse(asked.body.toString()) as Record<string, unknown>;
    const { key, version } = body;
    switch (method) {
      case 'CreateCacheEntry': {
        const entry = reserve(key, version, branches);
        if (entry !== undefined) return json(200, { ok: true, signed_upload_url: addressOf(entry, true) });
        return json(409, {
          code: 'already_exists',
          msg: 'cache entry with the same key, version, and scope already exists',
        });
      }
      case 'FinalizeCacheEntryUpload': {
        const mine = entries.find(
          (one) => one.key === key && one.version === version && one.scope === branches[0],
        );
        // int64 is a string in the JSON of protocol buffers.
        const isDone = typeof body['size_bytes'] === 'string' && finish(mine, body['size_bytes']);
        return isDone
          ? json(200, { ok: true, entry_id: '1' })
          : json(400, { code: 'invalid_argument', msg: 'size' });
      }
      case 'GetCacheEntryDownloadURL': {
        const keys = [String(key), ...(body['restore_keys'] as string[])];
        const found = find(keys, String(version), branches);
        if (found === undefined) return json(200, { ok: false, signed_download_url: '', matched_key: '' });
        return json(200, { ok: true, signed_download_url: addressOf(found, false), matched_key: found.key });
      }
      default:
        return json(404, { code: 'bad_route', msg: 'no' });
    }
  }

  function rest(path: string, asked: ObjectRequest, branches: readonly string[]): ObjectAnswer {
    if (asked.headers['accept'] !== 'application/json;api-version=6.0-preview.1') return json(400, {});
    const query = new Map(asked.query);
    if (asked.method === 'GET' && path === 'cache') {
      const found = find((query.get('keys') ?? '').split(','), query.get('version') ?? '', branches);
      if (found === undefined) return { status: 204 };
      return json(200, { cacheKey: found.key, scope: found.scope, archiveLocation: addressOf(found, false) });
    }
    const body = (): Record<string, unknown> => JSON.parse(asked.body.toString()) as Record<string, unknown>;
    if (asked.method === 'POST' && path === 'caches') {
      const entry = reserve(body()['key'], body()['version'], branches);
      if (entry !== undefined) return json(201, { cacheId: entries.indexOf(entry) + 1 });
      return json(409, {
        typeKey: 'ArtifactCacheItemAlreadyExistsException',
        message: 'Cache already exists.',
      });
    }
    const place = Number(/^caches\/(\d+)$/.exec(path)?.[1] ?? 0) - 1;
    const entry = entries[place];
    if (entry === undefined || entry.size !== undefined || entry.scope !== branches[0])
      return json(400, { message: 'no such upload' });
    if (asked.method === 'POST')
      return finish(entry, body()['size']) ? { status: 204 } : json(400, { message: 'not the size' });
    const [, start, end] = /^bytes (\d+)-(\d+)\/\*$/.exec(asked.headers['content-range'] ?? '') ?? [];
    if (asked.method !== 'PATCH' || Number(end) - Number(start) + 1 !== asked.body.byteLength)
      return json(400, { message: 'not the range' });
    const before = objects.get(`/entry/${place}`)?.bytes ?? Buffer.alloc(0);
    const bytes = Buffer.alloc(Math.max(before.byteLength, Number(end) + 1));
    before.copy(bytes);
    asked.body.copy(bytes, Number(start));
    objects.set(`/entry/${place}`, { bytes, tag: '', modified: new Date() });
    return { status: 204 };
  }

  const token = (...branches: readonly string[]): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const ac = JSON.stringify(branches.map((Scope, index) => ({ Scope, Permission: index === 0 ? 3 : 1 })));
    const claims = branches.length === 0 ? {} : { ac, exp: 4_102_444_800 };
    const made = `${part({ alg: 'HS256' })}.${part(claims)}.c2lnbmF0dXJl`;
    tokens.set(made, branches);
    return made;
  };
  return Object.assign(proxy, {
    ...{ entries, objects, token },
    options: (version: 1 | 2, ...branches: readonly string[]): string => {
      const place = version === 2 ? `url_v2=http://${proxy.host}/results/` : `url=http://${proxy.host}/v1/`;
      return `type=gha,${place},version=${version},token=${token(...branches)}`;
    },
  });
}

/** .NET, which the service was written in first, begins its answers with a byte order mark. */
function json(status: number, value: object): ObjectAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: `\uFEFF${JSON.stringify(value)}` };
}
