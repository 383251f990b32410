import { readdirSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { parseOutput } from '../../src/output/index.ts';
import { machine, type CachedBuild } from '../support/cache-machines.ts';
import { makeContext } from '../support/context.ts';
import { deferred } from '../support/deferred.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { serveFiles } from '../support/http-server.ts';
import { makeTar } from '../support/make-tar.ts';
import { startRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { treeOfFolder } from '../support/tree.ts';

/** A Dockerfile of one step of its own. */
function contextOf(name: string): string {
  return makeContext({ [`${name}.dockerfile`]: `FROM scratch\nCOPY ${name} /${name}\n`, [name]: name });
}

async function put(name: string, to: string): Promise<CachedBuild> {
  const context = contextOf(name);
  const file = join(context, `${name}.dockerfile`);
  const built = await (await machine()).build(context, { file, to: [to] });
  expect(built).toMatchObject({ error: undefined, warnings: [] });
  return built;
}

/** What of these the cache has. */
async function found(names: readonly string[], from: string): Promise<readonly string[]> {
  const had: string[] = [];
  for (const name of names) {
    const context = contextOf(name);
    const file = join(context, `${name}.dockerfile`);
    const built = await (await machine()).build(context, { file, from: [from] });
    expect(built.error).toBeUndefined();
    if (built.ran.length === 0) had.push(name);
  }
  return had;
}

describe('one cache of many builds', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:docker-registry');

  it('B-20 builds of several Dockerfiles keep each other’s results', async () => {
    await using registry = await startRegistry(tempFolder('registry').path);
    const ref = `${registry.host}/team/app:cache`;
    for (const name of ['a', 'b', 'c']) await put(name, ref);
    expect(await found(['a', 'b', 'c'], ref)).toEqual(['a', 'b', 'c']);
  });

  it('B-20 a build that others wrote over in the same moment puts its part there again', async () => {
    await using registry = await startRegistry(tempFolder('registry').path);
    const [secondWrote, firstWrote] = [deferred(), deferred()];
    let secondPut = false;
    // The first has read when the second writes, and writes when the second has: what the second wrote is gone.
    await using first = await startFaultProxy(registry.host, async ({ method, url }, response) => {
      if (method !== 'PUT' || url?.includes('/manifests/') !== true) return false;
      await secondWrote.promise;
      response.on('finish', () => firstWrote.resolve());
      return false;
    });
    await using second = await startFaultProxy(registry.host, async ({ method, url }, response) => {
      if (url?.includes('/manifests/') !== true) return false;
      if (method === 'PUT') {
        if (!secondPut) response.on('finish', () => secondWrote.resolve());
        secondPut = true;
      } else if (secondPut) await firstWrote.promise;
      return false;
    });
    const path = 'team/app:cache';
    await Promise.all([put('a', `${first.host}/${path}`), put('b', `${second.host}/${path}`)]);
    expect(await found(['a', 'b'], `${registry.host}/${path}`)).toEqual(['a', 'b']);
  });

  it('O-11 writes where reading is refused, as some registries do of what is not there yet', async () => {
    await using registry = await startRegistry(tempFolder('registry').path);
    await using proxy = await startFaultProxy(registry.host, ({ method, url }, response) => {
      if (method !== 'GET' || url?.includes('/manifests/') !== true) return false;
      response.writeHead(403, { 'content-type': 'application/json' }).end('{}');
      return true;
    });
    await put('a', `${proxy.host}/team/app:cache`);
    expect(await found(['a'], `${registry.host}/team/app:cache`)).toEqual(['a']);
  });

  it('B-20 builds that put into one folder at once wait for each other', async () => {
    const dest = join(tempFolder('cache').path, 'c');
    const names = ['a', 'b', 'c'];
    await Promise.all(names.map((name) => put(name, `type=local,dest=${dest}`)));
    expect(await found(names, `type=local,src=${dest}`)).toEqual(names);
  });

  it('B-20 another platform is another part', async () => {
    const dest = join(tempFolder('cache').path, 'c');
    const context = contextOf('a');
    const file = join(context, 'a.dockerfile');
    for (const architecture of ['amd64', 'arm64'])
      await (
        await machine()
      ).build(context, { file, platforms: [{ os: 'linux', architecture }], to: [`type=local,dest=${dest}`] });
    expect(partsIn(dest).map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64']);
  });

  it('O-12 B-10 what no build of a folder needs any more goes, and what killed ones left', async () => {
    requires('tool:skopeo');
    const dest = join(tempFolder('cache').path, 'c');
    const to = `type=local,dest=${dest},scope=app`;
    const blobs = (): string[] => readdirSync(join(dest, 'blobs/sha256'));
    await put('a', to);
    const count = blobs().length;
    writeFileSync(join(dest, 'blobs/sha256', '0'.repeat(64)), 'nobody names it');
    writeFileSync(join(dest, '.tsbuild-tmp'), 'half a blob');
    await put('b', to);
    expect(blobs()).toHaveLength(count);
    expect(readdirSync(dest).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(await found(['a', 'b'], `type=local,src=${dest}`)).toEqual(['b']);
    // Other tools read it.
    await runOk(['skopeo', 'inspect', '--raw', `oci:${dest}:latest`]);
  });

  it('O-12 keeps what other caches and images of the folder need; reset forgets the other builds', async () => {
    const dest = join(tempFolder('cache').path, 'c');
    await put('a', `type=local,dest=${dest},tag=one`);
    await put('b', `type=local,dest=${dest},tag=two`);
    await put('c', `type=local,dest=${dest},tag=two`);
    expect(await found(['a'], `type=local,src=${dest},tag=one`)).toEqual(['a']);
    expect(await found(['b', 'c'], `type=local,src=${dest},tag=two`)).toEqual(['b', 'c']);
    await put('c', `type=local,dest=${dest},tag=two,reset=true,scope=x`);
    expect(await found(['b', 'c'], `type=local,src=${dest},tag=two`)).toEqual(['c']);
    mkdirSync(join(dest, 'blobs/sha256'), { recursive: true });
    const index = JSON.parse(readFileSync(join(dest, 'index.json'), 'utf8')) as { manifests: object[] };
    const image = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: `sha256:${'1'.repeat(64)}`,
      size: 9,
    };
    writeFileSync(
      join(dest, 'index.json'),
      JSON.stringify({ ...index, manifests: [...index.manifests, image] }),
    );
    writeFileSync(join(dest, 'blobs/sha256', '2'.repeat(64)), 'of the image');
    await put('a', `type=local,dest=${dest},tag=two`);
    expect(readdirSync(join(dest, 'blobs/sha256'))).toContain('2'.repeat(64));
  });
});

describe('a folder that others use', () => {
  requires('root', 'overlay', 'tool:busybox');

  it.each(['', ',reset=true'])(
    'O-12 an image of several platforms stays what it was: tag=1%s',
    async (more) => {
      const dest = join(tempFolder('layout').path, 'images');
      const context = contextOf('a');
      const built = await (
        await machine()
      ).build(context, {
        file: join(context, 'a.dockerfile'),
        platforms: ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture })),
        outputs: [parseOutput(`type=oci,dest=${dest},tar=false,name=app:1`)],
      });
      expect(built.error).toBeUndefined();
      const index = join(dest, 'index.json');
      // As skopeo names it.
      writeFileSync(index, readFileSync(index, 'utf8').replace('"app:1"', '"1"'));
      const before = await treeOfFolder(dest);
      const file = join(contextOf('b'), 'b.dockerfile');
      const to = [`type=local,dest=${dest},tag=1${more}`];
      const refused = await (await machine()).build(dirname(file), { file, to });
      expect(refused.error).toMatchObject({ code: 'REFERENCE_INVALID' });
      expect(await treeOfFolder(dest)).toEqual(before);
    },
  );
});

describe('the name of a part', () => {
  requires('root', 'overlay', 'tool:busybox');

  it('S-61 has no credentials of the context', async () => {
    const tar = makeTar([{ path: 'Dockerfile', body: 'FROM scratch\nCOPY Dockerfile /\n' }]);
    await using server = await serveFiles({ '/context.tar': tar });
    const dest = join(tempFolder('cache').path, 'c');
    const context = `http://ada:hunter2@${server.host}/context.tar`;
    const built = await (await machine()).build(context, { to: [`type=local,dest=${dest},mode=max`] });
    expect(built.error).toBeUndefined();
    expect(partsIn(dest)).toEqual([
      expect.objectContaining({ scope: `http://xxxxx@${server.host}/context.tar Dockerfile` }),
    ]);
  });
});

function partsIn(dest: string): readonly { readonly platform: string }[] {
  const read = (digest: string): unknown =>
    JSON.parse(readFileSync(join(dest, 'blobs/sha256', digest.slice('sha256:'.length)), 'utf8'));
  const index = JSON.parse(readFileSync(join(dest, 'index.json'), 'utf8')) as {
    manifests: { digest: string }[];
  };
  const manifest = read(index.manifests[0]?.digest ?? '') as { config: { digest: string } };
  return (read(manifest.config.digest) as { parts: { platform: string }[] }).parts;
}
