import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { addon } from '../../src/sys/addon.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes } from '../support/tree-edits.ts';

/** A tree that is removed, and a folder of the host beside it; what a racing program does is done at the worst moment. */
describe('S-41 a tree that changes while it is removed', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Does something once, after the first removal of this name that was tried. */
  function afterRemoving(name: string, act: () => void): void {
    const real = addon().unlinkat;
    let done = false;
    vi.spyOn(addon(), 'unlinkat').mockImplementation((directory, path, flags) => {
      const result = real(directory, path, flags);
      if (path === name && !done) {
        done = true;
        act();
      }
      return result;
    });
  }

  function folders(): { readonly tree: string; readonly host: string } {
    const base = tempFolder('remove-race').path;
    const [tree, host] = [join(base, 'tree'), join(base, 'host')];
    for (const path of [tree, host]) mkdirSync(path);
    return { tree, host };
  }

  it('a folder exchanged for a link between the look at it and its opening is not entered, the link removed', () => {
    const { tree, host } = folders();
    mkdirSync(join(tree, 'a/inner'), { recursive: true });
    writeFileSync(join(host, 'precious'), 'HOST');
    afterRemoving('inner', () => {
      renameSync(join(tree, 'a/inner'), join(tree, 'aside'));
      symlinkSync(host, join(tree, 'a/inner'));
    });
    using root = openRootDir(tree);
    root.removeAll(bytes('a'));
    expect(readFileSync(join(host, 'precious'), 'utf8')).toBe('HOST');
    expect(readdirSync(tree)).toEqual(['aside']);
  });

  it('a folder that somebody else has removed is no reason to leave those beside it', () => {
    const { tree } = folders();
    for (const name of ['x', 'y', 'z']) mkdirSync(join(tree, 'a', name), { recursive: true });
    afterRemoving('y', () => {
      rmdirSync(join(tree, 'a/y'));
    });
    using root = openRootDir(tree);
    root.removeAll(bytes('a'));
    expect(readdirSync(tree)).toEqual([]);
  });

  it('a folder moved to the host is left alone, and so is what has a name there like one beside it', () => {
    const { tree, host } = folders();
    for (const name of ['x', 'y']) {
      mkdirSync(join(tree, 'a', name), { recursive: true });
      writeFileSync(join(tree, 'a', name, 'leaf'), '');
    }
    let beside = '';
    afterRemoving('leaf', () => {
      const [moved, other] = existsSync(join(tree, 'a/x/leaf'))
        ? (['y', 'x'] as const)
        : (['x', 'y'] as const);
      beside = join(host, other);
      mkdirSync(beside);
      writeFileSync(join(beside, 'precious'), 'HOST');
      renameSync(join(tree, 'a', moved), join(host, moved));
    });
    using root = openRootDir(tree);
    expect(() => root.removeAll(bytes('a'))).toThrow(/EAGAIN/);
    expect(readdirSync(beside)).toEqual(['precious']);
    expect(readdirSync(host)).toHaveLength(2);
  });
});
