import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf, fromText, isErrno } from '../../src/core/index.ts';
import { compileIgnore, ignoreRules } from '../../src/dockerfile/index.ts';
import { selectWords } from '../../src/ops/copy/selection.ts';
import { deviceOf, StatCache } from '../../src/ops/copy/stat-cache.ts';
import { openStatCaches, type StatCaches } from '../../src/ops/copy/stat-caches.ts';
import { openFolder } from '../../src/ops/contexts/index.ts';
import { Breath } from '../../src/snapshot/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { openRootDir, statOfDescriptor } from '../../src/sys/index.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runs } from '../support/series.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folders = ['a', 'a/b', 'a/b/c', 'd', 'd/e'];
const files = Array.from({ length: 40 }, (_, index) => `${folders[index % 5] ?? ''}/f${index}`);
const manyFiles = Object.fromEntries(files.map((name, index) => [name, `content ${index}`]));

interface Rules {
  readonly words?: readonly string[];
  readonly ignore?: readonly string[];
  readonly exclude?: readonly string[];
  readonly parents?: boolean;
  readonly chmod?: string;
}

/** What a copy from a folder is keyed by, and all that it would copy. */
async function selected(folder: string, rules: Rules, caches?: StatCaches): Promise<object> {
  using context = await openFolder(folder);
  const matcher = (patterns: readonly string[] = []) => compileIgnore(ignoreRules(patterns, 'rules'));
  const tree = {
    root: context.root,
    name: 'the context',
    ignore: matcher(rules.ignore),
    known: caches?.of(context),
  };
  const found = await selectWords(tree, rules.words ?? ['.'], {
    exclude: rules.exclude && matcher(rules.exclude),
    parents: rules.parents,
    chmod: rules.chmod,
    owners: false,
    breath: new Breath(),
  });
  const { selection, facts } = await found.files();
  const items = selection.matches.flatMap((match) => match.items);
  return {
    digest: found.digest,
    items: items.map((item) => [item.source, item.below, item.stat.type, item.stat.mode, facts.get(item)]),
  };
}

describe('folders that did not change', () => {
  requires('sound-disk');
  let store: Store;
  beforeAll(async () => (store = await openStore(tempFolder('root').path)));
  afterAll(() => store[Symbol.asyncDispose]());

  async function withCache(folder: string, rules: Rules): Promise<object> {
    await using caches = openStatCaches(store, { anew: false });
    return await selected(folder, rules, caches);
  }

  const manners: readonly Rules[] = [
    {},
    { ignore: ['a', '!a/b/c', '**/f1*'] },
    { exclude: ['b', '!b/c/f2', '*7'] },
    { words: ['a', 'd'] },
    { words: ['**/f1*', 'd/./e'], parents: true },
    { words: ['a', 'd/e/f4'], chmod: 'u=rwX,go=' },
  ];

  type Edit = readonly [kind: keyof typeof edits, from: number, to: number];
  const edits = {
    write: (path: string, other: string) => writeFileSync(path, other.slice(-3)),
    remove: (path: string) => rmSync(path, { recursive: true }),
    rename: (path: string, other: string) => renameSync(path, other),
    exchange(path: string, other: string) {
      renameSync(path, `${path}.spare`);
      renameSync(other, path);
      renameSync(`${path}.spare`, other);
    },
    link: (path: string, other: string) => linkSync(path, `${other}.link`),
    symlink: (path: string, other: string) => symlinkSync(path.slice(-3), `${other}.symlink`),
    folder: (path: string, other: string) => mkdirSync(join(path, other.slice(-3)), { recursive: true }),
    chmod: (path: string, other: string) => chmodSync(path, other.length % 2 === 0 ? 0o700 : 0o755),
    backdate(path: string, other: string) {
      const { atime, mtime } = lstatSync(path);
      writeFileSync(path, other.slice(-3));
      utimesSync(path, atime, mtime);
    },
    attribute(path: string, other: string) {
      using root = openRootDir(join(path, '..'));
      root.setXattr(fromText(path.slice(path.lastIndexOf('/') + 1)), fromText('user.x'), fromText(other));
    },
    wait: () => sleep(25),
  };
  const paths = [...folders, ...files.slice(0, 12)];
  const anEdit = fc.tuple(
    fc.constantFrom(...(Object.keys(edits) as (keyof typeof edits)[])),
    fc.nat({ max: paths.length - 1 }),
    fc.nat({ max: paths.length - 1 }),
  );

  async function edit(folder: string, [kind, from, to]: Edit): Promise<void> {
    try {
      await edits[kind](join(folder, paths[from] ?? ''), join(folder, paths[to] ?? ''));
    } catch (error) {
      // Random edits name what earlier ones took away, or a folder where a file is wanted.
      if (!isErrno(error, ...senseless)) throw error;
    }
  }
  const senseless = [
    'ENOENT',
    'ENOTDIR',
    'EISDIR',
    'EEXIST',
    'EINVAL',
    'ENOTEMPTY',
    'EPERM',
    'ELOOP',
  ] as const;

  it('S-74 S-75 L-163 whatever happens to a tree, a copy of it is keyed as by a cold walk, and copies the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...manners), fc.array(anEdit, { maxLength: 5 })), {
          minLength: 2,
          maxLength: 5,
        }),
        async (rounds) => {
          const folder = makeContext(manyFiles);
          await sleep(25);
          for (const [rules, all] of rounds) {
            for (const each of all) await edit(folder, each);
            const found = await tried(() => withCache(folder, rules));
            expect(found).toEqual(await tried(() => selected(folder, rules)));
          }
        },
      ),
      runs(30),
    );
  });
});

describe('what is remembered', () => {
  requires('sound-disk');
  const { path } = tempFolder('young');
  writeFileSync(join(path, 'file'), '');
  const fd = openSync(join(path, 'file'), 'r');
  afterAll(() => closeSync(fd));
  const real = { ...statOfDescriptor(fd), ctime: 1000, ctimeNanos: 500_000_000 };
  const changed = 1000_500;

  it.each([
    ['a file that changed within a few ticks', {}, 20, false],
    ['a file that rested', {}, 21, true],
    ['a file that is changed in a time to come', { mtime: 5000 }, 21, true],
    ['a large file, which may be mapped and written to', { size: (64 << 10) + 1 }, 1999, false],
    ['a large file that rested', { size: (64 << 10) + 1 }, 2001, true],
    ['a file whose ctime may be in whole seconds', { ctime: 1000, ctimeNanos: 0 }, 1400, false],
    ['such a file that rested', { ctime: 1000, ctimeNanos: 0 }, 1501, true],
    ['a file that a clock set back has changed later', {}, -1000, false],
  ])('S-74 %s', (_, change, later, expected) => {
    const cache = new StatCache({ load: () => undefined });
    const stat = { ...real, ...change };
    const began = changed + later;
    const content = digestOf('');
    expect(cache.add(stat, { fd, stat, began, content, plain: true })).toBe(expected);
    expect(cache.find(stat)?.content).toBe(expected ? content : undefined);
  });

  it('S-74 no folder with something in it from a file system whose times say less', () => {
    const cache = new StatCache({ load: () => undefined });
    using here = openRootDir(path);
    using memory = openRootDir('/dev/shm');
    const began = changed + 60;
    const inMemory = { ...memory.lstat(fromText('')), ctime: 1000, ctimeNanos: 500_000_000 };
    expect(cache.willShow(real, { folder: here.fd, device: deviceOf(real), began })).toBe(true);
    expect(cache.willShow(inMemory, { folder: here.fd, device: deviceOf(real), began })).toBe(false);
    expect(cache.willShow(inMemory, { folder: memory.fd, device: deviceOf(inMemory), began })).toBe(false);
  });
});

/** What came of it, or what it failed with. */
async function tried(action: () => Promise<object>): Promise<unknown> {
  try {
    return await action();
  } catch (error) {
    return String(error);
  }
}
