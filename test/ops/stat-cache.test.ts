import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fromText } from '../../src/core/index.ts';
import { openStatCaches } from '../../src/ops/copy/stat-caches.ts';
import { openFolder } from '../../src/ops/contexts/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { fileClock, openRootDir } from '../../src/sys/index.ts';
import { built } from '../support/built-tree.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runs } from '../support/series.ts';
import { readAgain, readContext, rewriteStatCache } from '../support/stat-caches.ts';
import { tempFolder } from '../support/temp-folder.ts';

const names = Array.from({ length: 40 }, (_, index) => `folder${index % 4}/f${index}`);
const manyFiles = Object.fromEntries(names.map((name, index) => [name, `content ${index}`]));

/** Longer than the granularity of `readAgain`. */
async function settled(): Promise<void> {
  const start = fileClock();
  while (fileClock() - start < 30) await sleep(10);
}

async function truth(folder: string): Promise<string> {
  using context = await openFolder(folder);
  return (await readContext(context, undefined)).digest;
}

describe('the stat cache of a context', () => {
  requires('sound-disk');
  let store: Store;
  beforeAll(async () => (store = await openStore(tempFolder('root').path)));
  afterAll(() => store[Symbol.asyncDispose]());

  /** A context of many files that an earlier build has read. */
  async function known(): Promise<string> {
    const folder = makeContext(manyFiles);
    await settled();
    expect((await readAgain(store, folder)).opened).toHaveLength(names.length);
    return folder;
  }

  it('reads nothing of an unchanged context', async () => {
    const folder = await known();
    expect(await readAgain(store, folder)).toEqual({ digest: await truth(folder), opened: [] });
  });

  const [first = '', second = ''] = names;

  it.each<readonly [what: string, change: (path: string, folder: string) => void]>([
    ['the same size', (path) => writeFileSync(path, 'CONTENT 0')],
    [
      'the same size, with its mtime put back',
      (path) => {
        const { atime, mtime } = statSync(path);
        writeFileSync(path, 'CONTENT 0');
        utimesSync(path, atime, mtime);
      },
    ],
    [
      'an mtime yet to come',
      (path) => {
        writeFileSync(path, 'CONTENT 0');
        utimesSync(path, 4e9, 4e9);
      },
    ],
    [
      'another file of the same size and mtime, renamed over it',
      (path) => {
        writeFileSync(`${path}.new`, 'CONTENT 0');
        const { atime, mtime } = statSync(path);
        utimesSync(`${path}.new`, atime, mtime);
        renameSync(`${path}.new`, path);
      },
    ],
    [
      'another, removed and made anew',
      (path) => {
        rmSync(path);
        writeFileSync(path, 'CONTENT 0');
      },
    ],
    ['more content', (path) => appendFileSync(path, '!')],
    ['an attribute', (path) => setAttribute(path)],
    [
      'content written through another name of it',
      (path, folder) => {
        linkSync(path, join(folder, 'folder3/link'));
        writeFileSync(join(folder, 'folder3/link'), 'CONTENT 0');
      },
    ],
  ])('S-74 S-75 sees %s', async (_, change) => {
    const folder = await known();
    change(join(folder, first), folder);
    const { digest, opened } = await readAgain(store, folder);
    expect(digest).toBe(await truth(folder));
    expect(opened).toContain(first);
    expect(opened).not.toContain(second);
  });

  it('keeps attributes apart from content', async () => {
    const folder = await known();
    setAttribute(join(folder, first));
    await settled();
    await readAgain(store, folder);
    expect(await readAgain(store, folder)).toEqual({ digest: await truth(folder), opened: [] });
  });

  it('S-74 reads again what was young when it was read', async () => {
    const folder = await known();
    writeFileSync(join(folder, first), 'content A');
    const young = { granularity: 3_600_000 };
    await readAgain(store, folder, young);
    expect((await readAgain(store, folder, young)).opened).toEqual([first]);
  });

  it('S-74 believes nothing that was saved at a time to come, in another boot, or damaged', async () => {
    const folder = await known();
    const later = String(Date.now() + 3_600_000);
    const cases: Parameters<typeof rewriteStatCache>[1][] = [
      ({ head: [format = '', boot = ''], rows }) => ({ head: [format, boot, later], rows }),
      ({ head: [format = '', , saved = ''], rows }) => ({ head: [format, 'another', saved], rows }),
      ({ head: [, boot = '', saved = ''], rows }) => ({ head: ['another format', boot, saved], rows }),
    ];
    for (const change of cases) {
      rewriteStatCache(store, change);
      expect((await readAgain(store, folder)).opened).toHaveLength(names.length);
      expect((await readAgain(store, folder)).opened).toEqual([]);
    }
    const cache = join(store.root, 'stat-cache');
    for (const damage of [
      (path: string) => truncateSync(path, statSync(path).size - 20),
      (path: string) => truncateSync(path, 0),
      (path: string) => writeFileSync(path, readFileSync(path, 'latin1').replace(/\n.{8}/, '\n00000000')),
    ]) {
      for (const name of readdirSync(cache)) damage(join(cache, name));
      expect((await readAgain(store, folder)).opened).toHaveLength(names.length);
    }
  });

  it('writes no more than it reads', async () => {
    const folder = makeContext(manyFiles);
    await settled();
    await readAgain(store, folder, { mostBytes: 1000 });
    expect((await readAgain(store, folder)).opened).toHaveLength(names.length);
    expect((await readAgain(store, folder, { mostBytes: 1000 })).opened).toHaveLength(names.length);
    expect((await readAgain(store, folder)).opened).toEqual([]);
  });

  it('reads anew for --no-cache, and remembers what it read', async () => {
    const folder = await known();
    expect((await readAgain(store, folder, { anew: true })).opened).toHaveLength(names.length);
    expect((await readAgain(store, folder)).opened).toEqual([]);
  });

  it('S-70 builds at once each leave a whole file', async () => {
    const folder = makeContext(manyFiles);
    await settled();
    const all = await Promise.all(Array.from({ length: 4 }, () => readAgain(store, folder)));
    expect(new Set(all.map(({ digest }) => digest))).toEqual(new Set([await truth(folder)]));
    expect((await readAgain(store, folder)).opened).toEqual([]);
  });

  it('keeps as many files as 32 contexts', async () => {
    for (let left = 34; left > 0; left--) {
      const folder = makeContext(manyFiles);
      await settled();
      await readAgain(store, folder);
    }
    expect(readdirSync(join(store.root, 'stat-cache'))).toHaveLength(64);
  });

  it('keeps nothing of a small context, nor of what was unpacked for one build', async () => {
    const cache = join(store.root, 'stat-cache');
    rmSync(cache, { recursive: true, force: true });
    const small = makeContext({ a: 'a' });
    await settled();
    await readAgain(store, small);
    const folder = makeContext(manyFiles);
    using context = await openFolder(folder);
    await using caches = openStatCaches(store, { anew: false });
    expect(caches.of({ ...context, lasting: false })).toBeUndefined();
    expect(readdirSync(store.root)).not.toContain('stat-cache');
  });

  it('keeps nothing of files in memory, whose times do not tell of writes to their mappings', async () => {
    const folder = mkdtempSync('/dev/shm/tsbuild-stat-cache-');
    try {
      for (const [index, name] of names.entries()) writeFileSync(join(folder, `f${index}`), name);
      await settled();
      await readAgain(store, folder);
      expect((await readAgain(store, folder)).opened).toHaveLength(names.length);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  type Edit = readonly [kind: string, file: number, content: number];
  const edits = fc.array(
    fc.tuple(
      fc.constantFrom(
        'write',
        'backdate',
        'rename',
        'link',
        'touch',
        'chmod',
        'attribute',
        'grow',
        'wait',
        'read',
      ),
      fc.nat({ max: 3 }),
      fc.nat({ max: 9 }),
    ),
    { minLength: 1, maxLength: 30 },
  );

  async function edit(folder: string, [kind, file, content]: Edit): Promise<void> {
    const path = join(folder, names[file] ?? '');
    const other = join(folder, names[content % 4] ?? '');
    const { atime, mtime } = statSync(path);
    if (kind === 'write' || kind === 'backdate') writeFileSync(path, `content ${content}`);
    if (kind === 'backdate') utimesSync(path, atime, mtime);
    if (kind === 'rename' || kind === 'link') {
      const spare = join(folder, 'spare');
      if (kind === 'link') linkSync(other, spare);
      else writeFileSync(spare, `content ${content}`);
      if (kind === 'rename') utimesSync(spare, atime, mtime);
      renameSync(spare, path);
      rmSync(spare, { force: true });
    }
    if (kind === 'touch') utimesSync(path, content, content);
    if (kind === 'chmod') chmodSync(path, 0o600 + content);
    if (kind === 'attribute') setAttribute(path);
    if (kind === 'grow') appendFileSync(path, 'x');
    if (kind === 'wait') await sleep(content * 4);
    if (kind === 'read') await readAgain(store, folder);
  }

  it('S-74 S-75 whatever happens to the files, the digest is that of their content', async () => {
    await fc.assert(
      fc.asyncProperty(edits, async (all) => {
        const folder = makeContext(manyFiles);
        await sleep(25);
        await readAgain(store, folder);
        for (const each of all) await edit(folder, each);
        expect((await readAgain(store, folder)).digest).toBe(await truth(folder));
        expect((await readAgain(store, folder)).digest).toBe(await truth(folder));
      }),
      runs(25),
    );
  });
});

describe('a stat cache that is wrong', () => {
  requires('root', 'overlay', 'sound-disk');

  it('fails a build once, and no build with --no-cache', async () => {
    const context = makeContext({ ...manyFiles, Dockerfile: 'FROM scratch\nCOPY . /\n' });
    await sleep(2100);
    const root = tempFolder('root').path;
    const { layers } = await built({ context, root });
    await using store = await openStore(root);
    const spoil = (): void =>
      rewriteStatCache(store, ({ head, rows }) => ({
        head,
        rows: rows.replaceAll(/(\t|sha256:)[0-9a-f]{8}/g, (_, before: string) => `${before}00000000`),
      }));
    spoil();
    expect(await built({ context, root, noCache: true })).toMatchObject({ layers });
    spoil();
    await expect(built({ context, root })).rejects.toMatchObject({ code: 'CONTEXT_CHANGED' });
    expect(await built({ context, root })).toMatchObject({ layers, ran: [] });
  });
});

function setAttribute(path: string): void {
  using folder = openRootDir(join(path, '..'));
  folder.setXattr(fromText(path.slice(path.lastIndexOf('/') + 1)), fromText('user.x'), fromText('y'));
}
