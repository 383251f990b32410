import { describe, expect, it } from 'vitest';

import { cacheServices, type CacheService } from '../support/cache-services.ts';
import { machine } from '../support/cache-machines.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

const files = {
  Dockerfile: 'FROM scratch\nCOPY a.txt /a\nCOPY b.txt /b\n',
  'a.txt': 'a\n',
  'b.txt': 'b\n',
};
const steps = ['[1/2] COPY a.txt /a', '[2/2] COPY b.txt /b'];

async function start(kind: string): Promise<CacheService> {
  const service = await cacheServices[kind]?.();
  if (service === undefined) throw new Error(kind);
  return service;
}

describe('a cache that a service keeps', () => {
  requires('root', 'overlay', 'tool:busybox');

  // What becomes of conditions is seen where places are tested.
  const kinds = Object.keys(cacheServices).filter((kind) => !/ignores|refuses/.test(kind));
  it.each(kinds)('O-13 O-14 O-15 %s: the second machine runs nothing', async (kind) => {
    await using service = await start(kind);
    const { spec } = service;
    // A part has the name of its folder.
    const context = makeContext(files);
    const empty = await (await machine()).build(context, { from: [spec], to: [`${spec},mode=max`] });
    expect(empty).toMatchObject({ error: undefined, ran: steps });
    expect(empty.warnings).toEqual([
      expect.stringMatching(/^cache \S+:.*: nothing is there \(the service has no cache of this name\)$/),
    ]);
    const again = await (await machine()).build(context, { from: [spec], to: [`${spec},mode=max`] });
    expect(again).toMatchObject({
      error: undefined,
      warnings: [],
      ran: [],
      id: empty.id,
      manifest: empty.manifest,
    });
    // Nothing was written that was there; and nothing that is told or kept has a secret.
    const kept = [...service.bytes()];
    expect(kept.filter(([name]) => /tsbuild$|#/.test(name))).toHaveLength(1);
    expect(kept).toHaveLength(3);
    const told = JSON.stringify([...empty.events, ...again.events]) + kept.map(String).join('\n');
    expect(service.secrets.filter((secret) => told.includes(secret))).toEqual([]);
    expect([...again.cached.values()].join(' ')).toMatch(/^(gha|s3|azblob):\S+/);
    // What the service forgot is a warning, and is there again afterwards.
    const [lost = ''] = kept.map(([name]) => name).filter((name) => name.includes('sha256'));
    service.lose(lost);
    const mended = await (await machine()).build(context, { from: [spec], to: [`${spec},mode=max`] });
    expect(mended.error).toBeUndefined();
    expect(mended.warnings).toEqual([expect.stringContaining('it is not used: ')]);
    expect((await (await machine()).build(context, { from: [spec] })).ran).toEqual([]);
  });
});
