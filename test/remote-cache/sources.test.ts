import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseOutput } from '../../src/output/index.ts';
import { openStore } from '../../src/store/index.ts';
import { machine, twoStages } from '../support/cache-machines.ts';
import { makeContext } from '../support/context.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const files = {
  Dockerfile: 'FROM scratch\nCOPY a.txt /a\nCOPY b.txt /b\n',
  'a.txt': 'a\n',
  'b.txt': 'b\n',
};

/** No server is ever given that port unless it asks for it. */
const closed = '127.0.0.1:3';

describe('where results are taken from and put', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:docker-registry');
  let registry: TestRegistry;
  beforeAll(async () => void (registry = await startRegistry(tempFolder('registry').path)));
  afterAll(() => registry[Symbol.asyncDispose]());

  it('O-16 many sources of all kinds are asked in order; what is missing is one line each', async () => {
    const folder = join(tempFolder('cache').path, 'c');
    await (await machine()).build(makeContext(files), { to: [`type=local,dest=${folder},mode=max`] });
    const [missing, down, empty] = [
      `${registry.host}/no/cache:1`,
      `${closed}/app:cache`,
      tempFolder('none').path,
    ];
    const from = [missing, down, `type=local,src=${empty}`, `type=local,src=${folder}`];
    const built = await (await machine()).build(makeContext(files), { from });
    expect(built).toMatchObject({ error: undefined, ran: [] });
    expect([...built.cached.values()]).toEqual([folder, folder]);
    expect(built.warnings).toEqual([
      expect.stringMatching(`^cache ${missing}: nothing is there \\(.*\\)$`),
      expect.stringMatching(`^cache ${down}: it is not used: cannot pull .* refused`),
      expect.stringMatching(`^cache ${empty}: nothing is there \\(.*\\)$`),
    ]);
  });

  it('O-16 what one source has damaged another has whole', async () => {
    const [broken, whole] = ['a', 'b'].map((name) => join(tempFolder('cache').path, name)) as [
      string,
      string,
    ];
    const to = [broken, whole].map((dest) => `type=local,dest=${dest},mode=max`);
    await (await machine()).build(makeContext(files), { to });
    for (const name of readdirSync(join(broken, 'blobs/sha256'))) {
      const path = join(broken, 'blobs/sha256', name);
      // Its layers only: they are packed.
      if (name !== '' && readHead(path) === 0x1f) writeFileSync(path, 'damaged');
    }
    const from = [broken, whole].map((src) => `type=local,src=${src}`);
    const built = await (await machine()).build(makeContext(files), { from });
    expect(built).toMatchObject({ error: undefined, ran: [] });
    expect([...built.cached.values()]).toEqual([whole, whole]);
    expect(built.warnings).toEqual([expect.stringMatching(`^cache ${broken}: it is not used: `)]);
  });

  it('what a cache gave is no base image, by which a change could be told', async () => {
    const folder = join(tempFolder('cache').path, 'c');
    await (await machine()).build(makeContext(files), { to: [`type=local,dest=${folder},mode=max`] });
    const own = await machine();
    expect((await own.build(makeContext(files), { from: [`type=local,src=${folder}`] })).ran).toEqual([]);
    await using store = await openStore(own.root);
    const named: unknown[] = [];
    for await (const key of store.records.list('listings'))
      named.push(JSON.stringify(await store.records.get('listings', key)));
    expect(named.filter((text) => String(text).includes(folder))).toEqual([]);
  });

  it('asks nobody where the store has the answer', async () => {
    const own = await machine();
    await own.build(makeContext(files));
    const built = await own.build(makeContext(files), { from: [`${closed}/app:cache`] });
    expect(built).toMatchObject({ error: undefined, ran: [], warnings: [] });
  });

  it('fetches the layers that are wanted, each once', async () => {
    const repository = 'team/lazy';
    const to = `type=registry,ref=${registry.host}/${repository}:cache,mode=max`;
    await (await machine()).build(makeContext({ Dockerfile: twoStages, 'in.txt': 'in\n' }), { to: [to] });
    await using proxy = await startFaultProxy(registry.host, () => false);
    const from = [`${proxy.host}/${repository}:cache`];
    const own = await machine();
    await own.build(makeContext({ Dockerfile: twoStages, 'in.txt': 'in\n' }), { from });
    const blobs = proxy.seen.filter(({ path }) => path.includes('/blobs/')).map(({ path }) => path);
    // The config, and the two layers of the image; not the three of the other stage.
    expect(new Set(blobs).size).toBe(blobs.length);
    expect(blobs).toHaveLength(3);
  });

  it('O-11 an export that fails fails the build, or is a warning with ignore-error', async () => {
    const ref = `type=registry,ref=${closed}/app:cache`;
    const failed = await (await machine()).build(makeContext(files), { to: [ref] });
    expect(failed.error?.code).toBe('REGISTRY_UNREACHABLE');
    const ignored = await (await machine()).build(makeContext(files), { to: [`${ref},ignore-error=true`] });
    expect(ignored.error).toBeUndefined();
    expect(ignored.warnings).toEqual([
      expect.stringMatching(`^the cache ${closed}/app:cache was not written: cannot p`),
    ]);
  });

  it('O-11 never puts a cache in the place of an image', async () => {
    const name = `${registry.host}/team/image:1`;
    const outputs = [parseOutput(`type=image,name=${name},push=true`)];
    await (await machine()).build(makeContext(files), { outputs });
    const built = await (await machine()).build(makeContext(files), { to: [name] });
    expect(built.error).toMatchObject({
      code: 'REFERENCE_INVALID',
      message: expect.stringContaining(name) as string,
    });
    const folder = join(tempFolder('full').path, 'home');
    mkdirSync(folder);
    writeFileSync(join(folder, 'thesis.txt'), '');
    const local = await (await machine()).build(makeContext(files), { to: [`type=local,dest=${folder}`] });
    expect(local.error).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('thesis.txt') as string,
    });
  });
});

function readHead(path: string): number | undefined {
  return readFileSync(path)[0];
}
