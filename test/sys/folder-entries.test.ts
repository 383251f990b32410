import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestOf, fromBuffer, fromText, type ByteString } from '../../src/core/index.ts';
import { fileClock, openRootDir } from '../../src/sys/index.ts';
import { runs } from '../support/series.ts';
import { tempFolder } from '../support/temp-folder.ts';

const here = '' as ByteString;

describe('the entries of a folder', () => {
  it('S-76 are its names in bytewise order, whatever their bytes, each with its lstat', () => {
    const byte = fc.integer({ min: 1, max: 255 }).filter((value) => value !== 0x2f);
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 255 })
      .chain(({ length }) => fc.array(byte, { minLength: length, maxLength: length }))
      .map((bytes) => fromBuffer(Buffer.from(bytes)))
      .filter((text) => text !== '.' && text !== '..');
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 20 }), (names) => {
        using root = openRootDir(tempFolder('entries').path);
        for (const [index, each] of names.entries()) {
          if (index % 3 === 0) root.write(each, Buffer.alloc(index), 0o600 + index);
          else if (index % 3 === 1) root.mkdir(each, 0o755);
          else root.symlink(fromText('nowhere'), each);
        }
        const entries = root.entries(here);
        expect(entries.names()).toEqual([...names].sort());
        expect(entries.names()).toEqual(root.list(here));
        expect(entries.names().map((_, index) => entries.stat(index))).toEqual(
          entries.names().map((each) => root.lstat(each)),
        );
        expect(Buffer.compare(entries.bytes, root.entries(here).bytes)).toBe(0);
      }),
      runs(30),
    );
  });

  it('S-74 are other bytes after a change of a file, and after another took its name', () => {
    const { path } = tempFolder('entries');
    using root = openRootDir(path);
    writeFileSync(join(path, 'file'), 'a');
    const seen = [Buffer.from(root.entries(here).bytes)];
    const changes = [
      () => writeFileSync(join(path, 'file'), 'bc'),
      () => linkSync(join(path, 'file'), join(path, 'link')),
      () => root.chmod(fromText('file'), 0o711),
      () => symlinkSync('file', join(path, 'symlink')),
      () => root.rename(fromText('symlink'), fromText('link')),
      () => mkdirSync(join(path, 'folder')),
    ];
    for (const change of changes) {
      change();
      const now = Buffer.from(root.entries(here).bytes);
      for (const before of seen) expect(now.equals(before)).toBe(false);
      seen.push(now);
    }
  });

  it('S-75 S-40 have digests of small files that are still what was listed, and of no others', async () => {
    const { path } = tempFolder('entries');
    const at = (name: string): string => join(path, name);
    const sizes = { empty: 0, small: 4096, most: 64 << 10, large: (64 << 10) + 1 };
    for (const [name, size] of Object.entries(sizes)) writeFileSync(at(name), Buffer.alloc(size, name));
    for (const name of ['attributed', 'gone', 'grown', 'linked', 'replaced']) writeFileSync(at(name), 'a');
    symlinkSync('small', at('symlink'));
    using root = openRootDir(path);
    root.setXattr(fromText('attributed'), fromText('user.x'), fromText('y'));
    const entries = root.entries(here);
    appendFileSync(at('grown'), 'b');
    rmSync(at('gone'));
    rmSync(at('linked'));
    symlinkSync('small', at('linked'));
    rmSync(at('replaced'));
    writeFileSync(at('replaced'), 'b');
    const files = entries.names().map((name, index) => ({ name, index }));
    const digests = await entries.digests(root, files);
    const found = files.filter(({ index }) => digests.has(index)).map(({ name }) => name);
    expect(found).toEqual(['empty', 'most', 'small']);
    for (const { name, index } of files) {
      if (digests.has(index)) expect(digests.get(index)).toBe(digestOf(readFileSync(at(name))));
    }
  });

  it('of what is no folder is refused, and of an empty one is nothing', () => {
    const { path } = tempFolder('entries');
    writeFileSync(join(path, 'file'), '');
    mkdirSync(join(path, 'folder'));
    using root = openRootDir(path);
    expect(() => root.entries(fromText('file'))).toThrow(/ENOTDIR/);
    expect(() => root.entries(fromText('none'))).toThrow(/ENOENT/);
    expect(root.entries(fromText('folder')).names()).toEqual([]);
  });

  it('S-74 change by a clock that never says later than a change that follows', () => {
    const { path } = tempFolder('entries');
    using root = openRootDir(path);
    for (let index = 0; index < 200; index++) {
      const before = fileClock();
      writeFileSync(join(path, 'file'), String(index));
      const { ctime, ctimeNanos } = root.lstat(fromText('file'));
      // A double tells moments of these years apart by 0.0002 ms.
      expect(ctime * 1000 + ctimeNanos / 1e6).toBeGreaterThanOrEqual(before - 0.001);
    }
  });
});
