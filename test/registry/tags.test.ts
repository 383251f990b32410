import { describe, expect, it } from 'vitest';

import { parseReference } from '../../src/oci/index.ts';
import { deleteRemote, listTags } from '../../src/registry/index.ts';
import { tsbuild } from '../support/cli.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { requires } from '../support/requires.ts';
import { sharedRegistry } from '../support/shared-registry.ts';
import { makeTinyImage } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

const retry = { tries: 3, first: 1, longest: 5, patience: 2000 };

const done = (_response: unknown): boolean => true;

/** A registry with these tags, `most` a page, that knows nothing else. */
async function serving(tags: readonly string[], most: number): Promise<FaultProxy> {
  return startFaultProxy(undefined, (request, response) => {
    if (request.url === '/v2/') return done(response.end());
    const url = new URL(request.url ?? '', 'http://x');
    const from = tags.indexOf(url.searchParams.get('last') ?? '') + 1;
    const page = tags.slice(from, from + Math.min(most, Number(url.searchParams.get('n'))));
    const more = from + page.length < tags.length;
    const next = `</v2/app/tags/list?n=2&last=${page.at(-1)}>; rel="next"`;
    response.writeHead(200, { 'content-type': 'application/json', ...(more ? { link: next } : {}) });
    return done(response.end(JSON.stringify({ name: 'app', tags: page })));
  });
}

async function answering(status: number, body: unknown, headers = {}): Promise<FaultProxy> {
  return startFaultProxy(undefined, (request, response) => {
    if (request.url === '/v2/') return done(response.end());
    return done(response.writeHead(status, headers).end(JSON.stringify(body)));
  });
}

describe('tags of a repository', () => {
  it.each<[options: { limit?: number; last?: string }, expected: readonly string[], requests: number]>([
    [{}, ['a', 'b', 'c', 'd', 'e'], 3],
    [{ limit: 3 }, ['a', 'b', 'c'], 2],
    [{ limit: 1 }, ['a'], 1],
    [{ last: 'c' }, ['d', 'e'], 1],
    [{ last: 'e' }, [], 1],
  ])('end-8a end-8b page after page, with %j', async (options, expected, requests) => {
    await using server = await serving(['a', 'b', 'c', 'd', 'e'], 2);
    expect(await listTags(parseReference(`${server.host}/app`), { ...options, retry })).toEqual(expected);
    expect(server.seen.filter(({ path }) => path !== '/v2/')).toHaveLength(requests);
  });

  it.each<[what: string, body: unknown, headers: object, code: string]>([
    ['that leads to itself', { tags: ['a'] }, { link: '</v2/app/tags/list>; rel="next"' }, 'REGISTRY_ERROR'],
    ['of no tags', { tags: ['a\u001b[2J'] }, {}, 'IMAGE_INVALID'],
    ['of another form', { tags: 'a' }, {}, 'IMAGE_INVALID'],
  ])('end-8a refuses a list %s', async (_what, body, headers, code) => {
    await using server = await answering(200, body, headers);
    const listing = listTags(parseReference(`${server.host}/app`), { retry });
    await expect(listing).rejects.toMatchObject({ code });
  });

  it('end-8a a repository without tags has none, and one that is not there is told of', async () => {
    await using empty = await answering(200, { name: 'app', tags: null });
    expect(await listTags(parseReference(`${empty.host}/app`), { retry })).toEqual([]);
    await using none = await answering(404, { errors: [{ code: 'NAME_UNKNOWN' }] });
    const listing = listTags(parseReference(`${none.host}/app`), { retry });
    await expect(listing).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });
});

describe('deleting in a registry', () => {
  const digest = `sha256:${'a'.repeat(64)}`;

  it.each<[status: number, of: string, code: string, said: RegExp]>([
    [405, 'app:1', 'REGISTRY_DENIED', /deletes no tags/],
    [405, `app@${digest}`, 'REGISTRY_DENIED', /deletes no manifests/],
    [400, 'app:1', 'REGISTRY_DENIED', /deletes no tags/],
    [404, 'app:1', 'IMAGE_NOT_FOUND', /has no image/],
    [403, 'app:1', 'REGISTRY_DENIED', /refused/],
  ])('end-9 status %i for %s is %s', async (status, of, code, said) => {
    await using server = await answering(status, { errors: [] });
    const deleting = deleteRemote(parseReference(`${server.host}/${of}`), { retry });
    await expect(deleting).rejects.toMatchObject({ code, message: expect.stringMatching(said) as string });
  });

  it('end-9 G-32 what is gone after an answer that was lost was deleted', async () => {
    let count = 0;
    await using server = await startFaultProxy(undefined, (request, response) => {
      if (request.url === '/v2/') return done(response.end());
      count += 1;
      return done(response.writeHead(count === 1 ? 503 : 404).end());
    });
    await deleteRemote(parseReference(`${server.host}/app@${digest}`), { retry });
    expect(server.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(2);
  });
});

describe('tags and rmi --remote', () => {
  requires('tool:docker-registry', 'tool:skopeo');
  const registry = sharedRegistry();

  it('end-8a end-9 list what is there and delete what is named, as the registry has it', async () => {
    const { manifest } = await withStore(async (store) => {
      const image = await makeTinyImage(store, { name: 'docker.io/library/app:latest' });
      for (const tag of ['one', 'two']) await registry.push(store, 'app:latest', `gone:${tag}`);
      return image;
    });
    const cli = tsbuild();
    const name = `${registry.host}/gone`;
    expect(await cli.ok(['tags', name])).toBe('one\ntwo');
    const json = await cli.ok(['tags', '--limit', '1', '--format', 'json', `docker://${name}`]);
    expect(JSON.parse(json)).toEqual({ Repository: name, Tags: ['one'] });
    const deleted = await cli.ok(['rmi', '--remote', `${name}@${manifest.digest}`]);
    expect(deleted).toBe(`Deleted: ${name}@${manifest.digest}`);
    expect((await cli.run(['tags', name])).stdout).toBe('');
    const again = await cli.run(['rmi', '--remote', `${name}@${manifest.digest}`]);
    expect(again.stderr).toContain('has no image');
    expect(await cli.run(['rmi', '--remote', name])).toMatchObject({ status: 2 });
    const bare = await cli.run(['rmi', '--remote', 'localhost:5000']);
    expect(bare).toMatchObject({ status: 2, stderr: expect.stringContaining('REPOSITORY:TAG') as string });
  });
});
