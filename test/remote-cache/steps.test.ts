import { describe, expect, it } from 'vitest';

import { parseCacheFrom, parseCacheRepo, parseCacheTo } from '../../src/remote-cache/index.ts';
import { machine, twoStages } from '../support/cache-machines.ts';
import { makeContext } from '../support/context.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { requires } from '../support/requires.ts';
import { sharedRegistry } from '../support/shared-registry.ts';

const files = { Dockerfile: twoStages, 'in.txt': 'in\n' };
const spec = (repository: string): string => `type=registry,ref=${repository},layout=steps`;

describe('a tag for each step', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:docker-registry');
  const registry = sharedRegistry();

  it('O-17 the second machine runs nothing; each step is asked for once, and what is there is not written again', async () => {
    await using proxy = await startFaultProxy(registry.host, () => false);
    const repository = `${proxy.host}/team/steps`;
    const to = [`${spec(repository)},mode=max`];
    const made = await (await machine()).build(makeContext(files), { from: [spec(repository)], to });
    expect(made).toMatchObject({ error: undefined, warnings: [] });
    expect(made.ran).toHaveLength(5);

    const begun = proxy.seen.length;
    const again = await (await machine()).build(makeContext(files), { from: [spec(repository)], to });
    expect(again).toMatchObject({ error: undefined, warnings: [], ran: [], id: made.id });
    expect([...again.cached.values()]).toEqual([repository, repository, repository, repository, repository]);
    const said = proxy.seen.slice(begun).map(({ method, path }) => `${method} ${path}`);
    expect(said.filter((line) => !line.startsWith('GET'))).toEqual([]);

    const edited = { ...files, Dockerfile: `${twoStages}RUN true\nRUN echo\n` };
    const before = proxy.seen.length;
    const more = await (await machine()).build(makeContext(edited), { from: [spec(repository)] });
    expect(more.ran).toEqual(['[stage-1 4/5] RUN true', '[stage-1 5/5] RUN echo']);
    const tags = proxy.seen
      .slice(before)
      .flatMap(({ path }) => /manifests\/([0-9a-f]{64})$/.exec(path)?.[1] ?? []);
    expect(tags.length).toBe(new Set(tags).size);
  });

  it('O-17 two that write at once lose nothing of each other', async () => {
    const repository = `${registry.host}/team/both`;
    const other = { ...files, Dockerfile: twoStages.replace('> /uuid', '> /other') };
    const [one, two] = [await machine(), await machine()];
    const to = [`${spec(repository)},mode=max,compression=zstd`];
    const [first, second] = await Promise.all([
      one.build(makeContext(files), { to }),
      two.build(makeContext(other), { to }),
    ]);
    const from = [spec(repository)];
    expect((await (await machine()).build(makeContext(files), { from })).ran).toEqual([]);
    expect((await (await machine()).build(makeContext(other), { from })).ran).toEqual([]);
    expect([first.error, second.error]).toEqual([undefined, undefined]);
  });

  it('O-17 a record under the tag of another step is not believed, and what fails is told once', async () => {
    const repository = `${registry.host}/team/forged`;
    await (await machine()).build(makeContext(files), { to: [`${spec(repository)},mode=max`] });
    const listed = (await (await fetch(`http://${registry.host}/v2/team/forged/tags/list`)).json()) as {
      tags: string[];
    };
    expect(listed.tags).toHaveLength(5);
    let status = 0;
    await using proxy = await startFaultProxy(registry.host, async (request, response) => {
      if (!/manifests\/[0-9a-f]{64}$/.test(request.url ?? '')) return false;
      if (status !== 0) {
        response.writeHead(status).end();
        return true;
      }
      // Whatever is asked for, the same comes.
      const url = `http://${registry.host}/v2/team/forged/manifests/${listed.tags[0] ?? ''}`;
      const answer = await fetch(url, { headers: { accept: request.headers.accept ?? '' } });
      const type = answer.headers.get('content-type') ?? '';
      response.writeHead(200, { 'content-type': type }).end(Buffer.from(await answer.arrayBuffer()));
      return true;
    });
    const from = [spec(`${proxy.host}/team/forged`)];
    const other = { ...files, Dockerfile: twoStages.replaceAll('/src', '/other') };
    const built = await (await machine()).build(makeContext(other), { from });
    expect(built).toMatchObject({ error: undefined, cached: new Map() });
    expect(built.ran).toHaveLength(5);
    status = 403;
    const denied = await (await machine()).build(makeContext(files), { from });
    expect(denied.ran).toHaveLength(5);
    expect(denied.warnings).toEqual([expect.stringContaining('it is not used')]);
  });
});

describe('its spelling', () => {
  it('O-17 --cache-repo stands for both directions', () => {
    const { from, to } = parseCacheRepo('localhost:5000/cache');
    expect(from).toEqual(parseCacheFrom(spec('localhost:5000/cache')));
    expect(to).toEqual(parseCacheTo(`${spec('localhost:5000/cache')},mode=max,ignore-error=true`));
  });

  it.each([
    ['a tag', () => parseCacheRepo('localhost:5000/cache:1'), /a repository without a tag/],
    ['another layout', () => parseCacheFrom('type=registry,ref=a,layout=tags'), /layout=steps/],
    ['a scope', () => parseCacheTo(`${spec('a')},scope=b`), /takes ref, layout/],
  ])('O-17 refuses %s', (_what, parse, hint) => {
    expect(parse).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringMatching(hint) as string }),
    );
  });
});
