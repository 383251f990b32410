import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';

/** A registry of one process's memory that knows what newer registries know; of all repositories together. */
export interface MemoryRegistry extends FaultProxy {
  readonly blobs: Map<string, Buffer>;
  /** By `repository:tag` and `repository@digest`. */
  readonly manifests: Map<string, { readonly body: Buffer; readonly type: string }>;
  /** Requests that bear on the contents, as `METHOD path` without the names of sessions. */
  readonly said: () => readonly string[];
}

export interface MemoryRegistryOptions {
  /** The answer to a blob in one POST: it takes it, or begins a session, or wants no body there. */
  readonly wholePost?: 'takes' | 'session' | 'refuses';
  /** What it does where a manifest is put under several tags at once. */
  readonly manyTags?: 'takes' | 'ignores' | 'refuses';
  /** Status for the deletion of blobs and of manifests. */
  readonly deletes?: number;
  /** The digest that it says of a blob that came in one POST. */
  readonly claims?: string;
}

export async function memoryRegistry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const { wholePost = 'takes', manyTags = 'takes', deletes = 202 } = options;
  const blobs: MemoryRegistry['blobs'] = new Map();
  const manifests: MemoryRegistry['manifests'] = new Map();
  const sessions = new Map<string, Buffer>();

  const put = (digest: string, body: Buffer): boolean => {
    const [algorithm = ''] = digest.split(':');
    if (`${algorithm}:${createHash(algorithm).update(body).digest('hex')}` !== digest) return false;
    blobs.set(digest, body);
    return true;
  };

  const uploads = (request: Asked, { body, response }: Answering): void => {
    const { method, url, repository, rest } = request;
    const digest = url.searchParams.get('digest');
    const base = `/v2/${repository}/blobs/uploads/`;
    if (method === 'POST') {
      if (digest !== null && wholePost === 'refuses') {
        end(response, 405);
        return;
      }
      if (digest !== null && wholePost === 'takes') {
        const headers = { 'docker-content-digest': options.claims ?? digest };
        end(response, put(digest, body) ? 201 : 400, headers);
        return;
      }
      const id = randomUUID();
      sessions.set(id, Buffer.alloc(0));
      end(response, 202, { location: base + id });
      return;
    }
    const id = rest.slice('blobs/uploads/'.length);
    const there = sessions.get(id);
    if (there === undefined) {
      end(response, 404);
      return;
    }
    const all = Buffer.concat([there, body]);
    sessions.set(id, all);
    const headers = { location: base + id, range: `0-${all.length - 1}` };
    if (method === 'PUT') {
      end(response, put(digest ?? '', all) ? 201 : 400, headers);
      return;
    }
    end(response, method === 'GET' ? 204 : 202, headers);
  };

  const onManifest = (request: Asked, { body, response, type }: Answering): void => {
    const { method, url, repository, rest } = request;
    const name = rest.slice('manifests/'.length);
    const keyOf = (one: string): string => repository + (one.includes(':') ? '@' : ':') + one;
    if (method === 'PUT') {
      const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
      const asked = url.searchParams.getAll('tag');
      if (asked.length > 0 && manyTags === 'refuses') {
        end(response, 414);
        return;
      }
      const tags = manyTags === 'takes' ? asked : [];
      const own = name.startsWith('sha512:') ? name : digest;
      for (const one of [name, own, ...tags]) manifests.set(keyOf(one), { body, type });
      const said = tags.length > 0 ? { 'oci-tag': tags.join(', ') } : {};
      end(response, 201, { 'docker-content-digest': own, ...said });
      return;
    }
    const found = manifests.get(keyOf(name));
    if (found === undefined) {
      end(response, 404);
      return;
    }
    if (method === 'DELETE') {
      if (deletes === 202) manifests.delete(keyOf(name));
      end(response, deletes);
      return;
    }
    response.writeHead(200, { 'content-type': found.type }).end(found.body);
  };

  const onBlob = ({ method, rest }: Asked, { response }: Answering): void => {
    const digest = rest.slice('blobs/'.length);
    const found = blobs.get(digest);
    if (found === undefined) {
      end(response, 404);
      return;
    }
    if (method === 'DELETE') {
      if (deletes === 202) blobs.delete(digest);
      end(response, deletes);
      return;
    }
    response.writeHead(200, { 'content-length': found.length });
    response.end(method === 'HEAD' ? undefined : found);
  };

  const proxy = await startFaultProxy(undefined, async (request, response) => {
    const asked = askedOf(request);
    if (asked === undefined) {
      end(response, 200);
      return true;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const answering = { body, response, type: request.headers['content-type'] ?? '' };
    if (asked.rest.startsWith('blobs/uploads/')) uploads(asked, answering);
    else if (asked.rest.startsWith('blobs/')) onBlob(asked, answering);
    else if (asked.rest.startsWith('manifests/')) onManifest(asked, answering);
    else if (asked.rest === 'tags/list') {
      const own = [...manifests.keys()].filter((key) => key.startsWith(`${asked.repository}:`));
      const tags = own.map((key) => key.slice(asked.repository.length + 1));
      response.end(JSON.stringify({ name: asked.repository, tags }));
    } else end(response, 404);
    return true;
  });
  const said = (): readonly string[] =>
    proxy.seen
      .filter(({ path }) => path !== '/v2/')
      .map(({ method, path }) => `${method} ${path.replace(/^\/v2\//, '').replace(sessionName, 'ID')}`);
  return Object.assign(proxy, { blobs, manifests, said });
}

const sessionName = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly repository: string;
  /** Behind the repository's name. */
  readonly rest: string;
}

interface Answering {
  readonly body: Buffer;
  readonly type: string;
  readonly response: ServerResponse;
}

function askedOf(request: IncomingMessage): Asked | undefined {
  const url = new URL(request.url ?? '', 'http://x');
  const [, repository, rest] =
    /^\/v2\/(.+?)\/((?:blobs|manifests|tags|referrers)\/.*)$/.exec(url.pathname) ?? [];
  if (repository === undefined || rest === undefined) return undefined;
  return { method: request.method ?? '', url, repository, rest };
}

function end(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers).end();
}
