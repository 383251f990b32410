import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { machine } from '../support/cache-machines.ts';
import { changeCache } from '../support/cache-tamper.ts';
import { makeContext } from '../support/context.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const files = {
  Dockerfile: 'FROM busybox:1\nCOPY a.txt /a\nRUN mkdir /made && wc -c < /a > /made/size\n',
  'a.txt': 'a\n',
};
const [copy, run] = ['[2/3] COPY a.txt /a', '[3/3] RUN mkdir /made && wc -c < /a > /made/size'];

describe('--cache-verify', () => {
  requires('root', 'overlay', 'tool:busybox');
  let honest: string;
  beforeAll(async () => {
    honest = join(tempFolder('cache').path, 'c');
    const to = [`type=local,dest=${honest},mode=max,compression=uncompressed`];
    const made = await (await machine()).build(makeContext(files), { to });
    expect(made.error).toBeUndefined();
  });

  it('S-79 makes what was imported again, and says that it is the same', async () => {
    const own = await machine();
    const built = await own.build(makeContext(files), { from: [`type=local,src=${honest}`], verify: '100%' });
    expect(built.error).toBeUndefined();
    expect(built.ran).toEqual([copy, run]);
    expect([...built.cached.keys()]).toEqual([copy, run]);
    expect(built.warnings).toEqual([]);
    const said = built.events.flatMap((event) =>
      event.type === 'step-log' ? [`${event.step.name} ${Buffer.from(event.data).toString()}`] : [],
    );
    expect(said).toEqual([copy, run].map((step) => `${step} made again, and as the cache ${honest} says\n`));
    // Nothing of it is kept: the imported results still answer.
    const later = await own.build(makeContext(files), { verify: '0' });
    expect(later).toMatchObject({ ran: [], id: built.id });
  });

  it('S-79 makes as many steps again as it is told to', async () => {
    const from = [`type=local,src=${honest}`];
    const built = await (await machine()).build(makeContext(files), { from, verify: '1' });
    expect(built.error).toBeUndefined();
    expect(built.ran).toHaveLength(1);
  });

  it('S-79 fails with CACHE_MISMATCH where a cache lies, and names step, cache and files', async () => {
    const cache = join(tempFolder('lying-cache').path, 'c');
    await runOk(['cp', '-a', honest, cache]);
    const evil = makeTar([
      { path: 'made', type: 'directory' },
      { path: 'made/size', body: '666\n' },
      { path: 'made/backdoor', body: 'evil' },
    ]);
    changeCache(cache, ({ config, manifest, put }) => {
      const blob = put(evil);
      const place = manifest.layers.push(blob) - 1;
      const created = '2020-01-01T00:00:00.000Z';
      const row = config.layers.push({ diffId: blob.digest, created, blob: place }) - 1;
      for (const { records } of config.parts)
        for (const record of records)
          if (JSON.stringify(record['parts']).includes('wc -c'))
            record['layers'] = [...(record['layers'] as number[]).slice(0, -1), row];
    });
    const from = [`type=local,src=${cache}`];
    const built = await (await machine()).build(makeContext(files), { from, verify: '100%' });
    expect(built.error).toMatchObject({
      code: 'CACHE_MISMATCH',
      message: `${run}, made again, differs from what the cache ${cache} says, at /made/backdoor, /made/size`,
    });
    // Without a verification it is believed.
    expect((await (await machine()).build(makeContext(files), { from })).error).toBeUndefined();
  });
});
