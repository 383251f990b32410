import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseOutput } from '../../src/output/index.ts';
import { machine, twoStages } from '../support/cache-machines.ts';
import { makeContext } from '../support/context.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const files = { Dockerfile: twoStages, 'in.txt': 'in\n' };
const edited = { ...files, Dockerfile: `${twoStages}RUN true\n` };
const steps = {
  workdir: '[build 2/4] WORKDIR /src',
  copy: '[build 3/4] COPY in.txt .',
  make: '[build 4/4] RUN { cat in.txt; cat /proc/sys/kernel/random/uuid; } > made',
  copyMade: '[stage-1 2/3] COPY --from=build /src/made /made',
  uuid: '[stage-1 3/3] RUN cat /proc/sys/kernel/random/uuid > /uuid',
};

describe('two machines and one cache', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:docker-registry');
  let registry: TestRegistry;
  beforeAll(async () => void (registry = await startRegistry(tempFolder('registry').path)));
  afterAll(() => registry[Symbol.asyncDispose]());

  const places: Readonly<Record<string, (name: string) => { to: string; from: string; named: string }>> = {
    'O-11 a registry': (name) => {
      const ref = `${registry.host}/team/${name}:cache`;
      return { to: `type=registry,ref=${ref},mode=max`, from: `type=registry,ref=${ref}`, named: ref };
    },
    'O-11 a registry, packed as zstd': (name) => {
      const ref = `${registry.host}/team/zstd-${name}:cache`;
      return { to: `type=registry,ref=${ref},mode=max,compression=zstd`, from: ref, named: ref };
    },
    'O-12 a folder': () => {
      const dest = `${tempFolder('cache').path}/c`;
      return { to: `type=local,dest=${dest},mode=max`, from: `type=local,src=${dest}`, named: dest };
    },
    'O-12 a folder, not packed': () => {
      const dest = `${tempFolder('cache').path}/c`;
      const to = `type=local,dest=${dest},mode=max,compression=uncompressed,tag=b`;
      return { to, from: `type=local,src=${dest},tag=b`, named: dest };
    },
  };

  it.each(Object.keys(places))('%s: the second runs nothing and has the same image', async (place) => {
    const { to, from, named } = places[place]?.('same') ?? { to: '', from: '', named: '' };
    const [first, second] = [await machine(), await machine()];
    const made = await first.build(makeContext(files), { to: [to] });
    expect(made).toMatchObject({ error: undefined, warnings: [] });
    expect(made.ran).toHaveLength(5);
    const again = await second.build(makeContext(files), { from: [from] });
    expect(again).toMatchObject({ error: undefined, warnings: [], ran: [], id: made.id });
    expect(again.manifest).toBe(made.manifest);
    expect(Object.fromEntries(again.cached)).toEqual(
      Object.fromEntries(Object.values(steps).map((step) => [step, named])),
    );
    // It is the machine's own by now, and still says where it came from.
    const third = await second.build(makeContext(files));
    expect(third).toMatchObject({ ran: [], id: made.id });
    expect(third.cached.get(steps.uuid)).toBe(named);
  });

  it('O-10 an inline cache: the second runs only what is in no image', async () => {
    const [first, second] = [await machine(), await machine()];
    const name = `${registry.host}/team/app:1`;
    const outputs = [parseOutput(`type=image,name=${name},push=true`)];
    const made = await first.build(makeContext(files), { to: ['type=inline'], outputs });
    expect(made.error).toBeUndefined();
    const again = await second.build(makeContext(files), { from: [name], to: ['type=inline'] });
    expect(again).toMatchObject({ ran: [], warnings: [], id: made.id });
    const more = await (await machine()).build(makeContext(edited), { from: [name] });
    expect(more.ran).toEqual(['[stage-1 4/4] RUN true']);
  });

  it.each([
    ['min', [steps.workdir, steps.copy, steps.make]],
    ['max', []],
  ])('O-11 mode=%s keeps the results that the image has, or all', async (mode, missing) => {
    const ref = `${registry.host}/team/mode-${mode}:cache`;
    await (await machine()).build(makeContext(files), { to: [`type=registry,ref=${ref},mode=${mode}`] });
    const other = { ...files, Dockerfile: twoStages.replace('/made /made', '/made /other') };
    const built = await (await machine()).build(makeContext(other), { from: [ref] });
    expect(built.ran).toEqual([
      ...missing,
      '[stage-1 2/3] COPY --from=build /src/made /other',
      '[stage-1 3/3] RUN cat /proc/sys/kernel/random/uuid > /uuid',
    ]);
  });

  it('O-11 a result that was not needed goes on into the next cache, from repository to repository', async () => {
    const [main, branch] = [`${registry.host}/team/main:cache`, `${registry.host}/other/branch:cache`];
    await (await machine()).build(makeContext(files), { to: [`type=registry,ref=${main},mode=max`] });
    const between = await (
      await machine()
    ).build(makeContext(files), { from: [main], to: [`type=registry,ref=${branch},mode=max`] });
    expect(between).toMatchObject({ error: undefined, ran: [] });
    const other = { ...files, Dockerfile: twoStages.replace('/made /made', '/made /other') };
    const built = await (await machine()).build(makeContext(other), { from: [branch] });
    expect(built.ran).not.toContain(steps.make);
    expect(built.cached.get(steps.make)).toBe(branch);
  });

  it('O-11 another way to the same content is found by content', async () => {
    const ref = `${registry.host}/team/content:cache`;
    const stable = `FROM busybox:1 AS build
COPY in.txt .
RUN wc -c < in.txt > /size
FROM busybox:1
COPY --from=build /size /size
RUN cat /proc/sys/kernel/random/uuid > /uuid
`;
    const before = makeContext({ Dockerfile: stable, 'in.txt': 'in\n' });
    const made = await (await machine()).build(before, { to: [`type=registry,ref=${ref},mode=max`] });
    const after = makeContext({ Dockerfile: stable, 'in.txt': 'IN\n' });
    const built = await (await machine()).build(after, { from: [ref] });
    expect(built.ran).toEqual(['[build 2/3] COPY in.txt .', '[build 3/3] RUN wc -c < in.txt > /size']);
    expect(built.id).toBe(made.id);
  });

  it('a miss is explained by what the cache has', async () => {
    const ref = `${registry.host}/team/explain:cache`;
    const scoped = `type=registry,ref=${ref},mode=max,scope=app`;
    await (await machine()).build(makeContext(files), { to: [scoped] });
    const other = makeContext({
      ...files,
      Dockerfile: twoStages.replace('cat in.txt;', 'cat in.txt in.txt;'),
    });
    const built = await (await machine()).build(other, { from: [ref], to: [scoped] });
    const started = built.events.find(
      (event) => event.type === 'step-started' && event.step.name.startsWith('[build 4/4]'),
    );
    expect(started).toMatchObject({ why: [{ kind: 'definition' }] });
  });
});
