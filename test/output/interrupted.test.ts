import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { buildTo } from '../support/build-to.ts';
import { makeTar } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Enough of a walk for another turn of the event loop in the middle of it. */
const many = makeTar(
  Array.from({ length: 1500 }, (_, n) => ({ path: `d${n % 40}/f${n}`, body: 'x'.repeat(2000) })),
);
const image = { dockerfile: 'FROM scratch\nADD many.tar /\n', files: { 'many.tar': many } };

/** Builds into the folder, and stops as soon as something more is in it. */
async function interrupted(to: string, folder: string, root: string): Promise<unknown> {
  const before = readdirSync(folder).length;
  const controller = new AbortController();
  const watching = setInterval(() => {
    if (readdirSync(folder).length > before) controller.abort(new Error('stop'));
  }, 1);
  try {
    return await buildTo({ ...image, root, signal: controller.signal, to: [to] }, folder).then(
      () => 'ended',
      (error: unknown) => error,
    );
  } finally {
    clearInterval(watching);
  }
}

describe('an output that is stopped in the middle', () => {
  requires('root', 'overlay');
  let root: string;
  beforeAll(async () => {
    ({ root } = await buildTo({ ...image, to: ['type=cacheonly'] }));
  });

  it.each([
    ['a folder that was not there', '{}/out'],
    ['a tar', 'type=tar,dest={}/t.tar'],
    ['a docker archive', 'type=docker,dest={}/d.tar'],
  ])('S-73 O-04 O-05 leaves nothing: %s', async (_what, to) => {
    const { path } = tempFolder('output');
    expect(await interrupted(to, path, root)).toMatchObject({ code: 'INTERRUPTED' });
    expect(readdirSync(path)).toEqual([]);
  });

  it('S-73 O-04 leaves whole files in a folder that was there', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'out'));
    writeFileSync(join(path, 'out/own'), 'own');
    const controller = new AbortController();
    const watching = setInterval(() => {
      if (readdirSync(join(path, 'out')).length > 3) controller.abort(new Error('stop'));
    }, 1);
    const building = buildTo({ ...image, root, signal: controller.signal, to: ['{}/out'] }, path);
    await expect(building).rejects.toMatchObject({ code: 'INTERRUPTED' });
    clearInterval(watching);
    const files = readdirSync(join(path, 'out'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files.filter(({ name }) => !/^(own|f\d+)$/.test(name))).toEqual([]);
    expect(files.length).toBeGreaterThan(1);
  });
});
