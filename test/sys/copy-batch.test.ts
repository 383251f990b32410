import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { ByteString } from '../../src/core/index.ts';
import { copySmallFiles, openRootDir, type SmallCopies, type SmallCopy } from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const files = { a: 'first', b: '', 'c/d': 'third', e: 'x'.repeat(5000) };

interface Copied extends SmallCopies {
  readonly bytes: Buffer;
  readonly to: string;
}

async function copied({
  change,
  edit,
}: {
  readonly change?: (from: string, to: string) => void;
  readonly edit?: (copy: SmallCopy) => SmallCopy;
} = {}): Promise<Copied> {
  const [from, to] = [tempFolder('from').path, tempFolder('to').path];
  for (const folder of [from, to]) mkdirSync(join(folder, 'c'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(from, name), content);
  const copies = Object.entries(files).map(([name, content]) => {
    const path = name as ByteString;
    const owner = { uid: 0, gid: 0, mode: 0o644 };
    return { source: path, target: path, size: content.length, ...owner, mtime: { seconds: -5, nanos: 7 } };
  });
  change?.(from, to);
  using source = openRootDir(from);
  using target = openRootDir(to);
  const bytes = Buffer.alloc(Object.values(files).join('').length + 1);
  const result = await copySmallFiles(
    { from: source, to: target },
    edit === undefined ? copies : copies.map(edit),
    bytes,
  );
  return { ...result, bytes, to };
}

describe('copies of many small files', () => {
  requires('root');

  it('L-163 have the bytes, the time and the digests of their sources', async () => {
    const { failure, digestOf, bytes, to } = await copied();
    expect(failure).toBeUndefined();
    expect(bytes.subarray(0, -1).toString()).toBe(Object.values(files).join(''));
    Object.entries(files).forEach(([name, content], index) => {
      expect(readFileSync(join(to, name), 'utf8')).toBe(content);
      expect(lstatSync(join(to, name), { bigint: true }).mtimeNs).toBe(-4_999_999_993n);
      expect(digestOf(index)).toBe(`sha256:${createHash('sha256').update(content).digest('hex')}`);
    });
  });

  it.each([
    [0, 0, 0o644],
    [0, 0, 0o666],
    [0, 0, 0o4755],
    [1000, 70_000, 0o6711],
    [0, 5, 0o400],
  ])('L-170 L-152 owner %i:%i and mode %o, whatever the umask', async (uid, gid, mode) => {
    const umask = process.umask(0o077);
    try {
      const { to } = await copied({ edit: (copy) => ({ ...copy, uid, gid, mode }) });
      for (const name of Object.keys(files)) {
        expect(lstatSync(join(to, name))).toMatchObject({ uid, gid, mode: 0o100000 | mode });
      }
    } finally {
      process.umask(umask);
    }
  });

  it.each<[what: string, change: (from: string, to: string) => void, of: string, code: string]>([
    ['a source that grew', (from) => writeFileSync(join(from, 'c/d'), 'third, and more'), 'source', 'ESTALE'],
    ['a source that shrank', (from) => writeFileSync(join(from, 'c/d'), 't'), 'source', 'ESTALE'],
    ['a target that is there', (_, to) => writeFileSync(join(to, 'c/d'), ''), 'target', 'EEXIST'],
    ['a target that is a link', (_, to) => symlinkSync('/tmp/nothing', join(to, 'c/d')), 'target', 'EEXIST'],
  ])('S-40 S-75 %s ends them there', async (_, change, of, code) => {
    const { failure, to } = await copied({ change });
    expect(failure).toMatchObject({ at: 2, of, error: { code } });
    expect(readFileSync(join(to, 'a'), 'utf8')).toBe('first');
    expect(() => readFileSync(join(to, 'e'))).toThrow('ENOENT');
  });

  it('S-40 a link is no source, and no way to a target', async () => {
    const linked = (copy: SmallCopy): SmallCopy => ({ ...copy, source: 'link' as ByteString });
    const link = (from: string): void => symlinkSync('a', join(from, 'link'));
    expect((await copied({ change: link, edit: linked })).failure).toMatchObject({
      at: 0,
      error: { code: 'ELOOP' },
    });
    const away = (copy: SmallCopy): SmallCopy => ({ ...copy, target: 'way/x' as ByteString });
    const way = (_: string, to: string): void => symlinkSync('c', join(to, 'way'));
    expect((await copied({ change: way, edit: away })).failure).toMatchObject({
      of: 'target',
      error: { code: 'ELOOP' },
    });
    const above = (copy: SmallCopy): SmallCopy => ({ ...copy, target: '../x' as ByteString });
    expect((await copied({ edit: above })).failure).toMatchObject({ of: 'target', error: { code: 'EXDEV' } });
  });
});
