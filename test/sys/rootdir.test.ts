import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';

import type { ByteString } from '../../src/core/index.ts';
import { openRootDir, type RootDir } from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes } from '../support/tree-edits.ts';

const owner = { mode: 0o755, uid: 0, gid: 0 };

describe('a directory as root', () => {
  requires('root');
  let folder = '';
  beforeEach(() => {
    folder = tempFolder('rootdir').path;
  });

  function open(): RootDir {
    return openRootDir(folder);
  }

  it('S-40 a name that no byte string holds, or with a NUL, reaches no file', () => {
    using root = open();
    mkdirSync(join(folder, 'x'));
    writeFileSync(join(folder, 'x/y'), '');
    // U+012F has the low byte of a slash.
    expect(() => root.lstat('x\u012fy' as ByteString)).toThrow('EINVAL');
    expect(() => root.lstat(bytes('x/y\0z'))).toThrow('EINVAL');
    expect(() => root.write(bytes('n\0m'), Buffer.from(''), 0o644)).toThrow('EINVAL');
  });

  it('reading takes regular files only, and does not wait', () => {
    using root = open();
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    root.mknod(bytes('device'), { type: 'char', mode: 0o666, major: 1, minor: 5 });
    root.mkdir(bytes('directory'), 0o755);
    expect(() => root.read(bytes('fifo'), 100)).toThrow('EINVAL');
    expect(() => root.read(bytes('device'), 100)).toThrow('EINVAL');
    expect(() => root.read(bytes('directory'), 100)).toThrow('EISDIR');
    expect(() => root.write(bytes('fifo'), Buffer.from('x'), 0o644)).toThrow('EINVAL');
    expect(() => root.write(bytes('device'), Buffer.from('x'), 0o644)).toThrow('EINVAL');
  });

  it('reading stops at the limit, be the file sparse or without a size', () => {
    using root = open();
    writeFileSync(join(folder, 'huge'), '');
    truncateSync(join(folder, 'huge'), 2 ** 40);
    writeFileSync(join(folder, 'exact'), '12345');
    expect(() => root.read(bytes('huge'), 1_000_000)).toThrow('EFBIG');
    expect(root.read(bytes('exact'), 5).toString()).toBe('12345');
    expect(() => root.read(bytes('exact'), 4)).toThrow('EFBIG');
    using proc = openRootDir('/proc');
    expect(proc.read(bytes('version'), 10_000).toString()).toMatch(/^Linux version/);
    expect(() => proc.read(bytes('version'), 10)).toThrow('EFBIG');
  });

  it('S-76 names are bytes: not UTF-8, with a newline, 255 long', () => {
    using root = open();
    const names = ['\xff\xfe', 'a\nb', ' ', 'ü'.repeat(127), 'n'.repeat(255), '-rf', '\x01'].map(bytes);
    for (const name of names) {
      root.write(name, Buffer.from(name, 'latin1'), 0o644);
      root.symlink(name, bytes(`to ${name.slice(0, 200)}`));
      expect(root.read(name, 1000).toString('latin1')).toBe(name);
      expect(root.readlink(bytes(`to ${name.slice(0, 200)}`))).toBe(name);
    }
    expect(root.list(bytes(''))).toEqual(
      [...names, ...names.map((name) => `to ${name.slice(0, 200)}`)].sort(),
    );
    const onDisk = readdirSync(Buffer.from(folder), { encoding: 'buffer' }).map((name) =>
      name.toString('latin1'),
    );
    expect(root.list(bytes('.'))).toEqual(onDisk.sort());
    expect(() => root.write(bytes('n'.repeat(256)), Buffer.from(''), 0o644)).toThrow('ENAMETOOLONG');
    expect(() => root.lstat(bytes('n/'.repeat(3000)))).toThrow('ENAMETOOLONG');
  });

  it('modes are set as given, whatever the umask, set-id bits included', () => {
    using root = open();
    const mask = process.umask(0o077);
    try {
      root.mkdir(bytes('d'), 0o3777);
      root.write(bytes('f'), Buffer.from(''), 0o6755);
      root.mknod(bytes('p'), { type: 'fifo', mode: 0o666, major: 0, minor: 0 });
      root.mkdirAll(bytes('x/y'), { mode: 0o2775, uid: 5, gid: 6 });
    } finally {
      process.umask(mask);
    }
    const modes = ['d', 'f', 'p', 'x', 'x/y'].map((name) => lstatSync(join(folder, name)).mode & 0o7777);
    expect(modes).toEqual([0o3777, 0o6755, 0o666, 0o2775, 0o2775]);
    expect(statSync(join(folder, 'x/y'))).toMatchObject({ uid: 5, gid: 6 });
  });

  it('makes missing parents only, through symlinks inside and dangling ones', () => {
    using root = open();
    mkdirSync(join(folder, 'real'), { mode: 0o700 });
    symlinkSync('real', join(folder, 'link'));
    symlinkSync('/later/on', join(folder, 'dangling'));
    expect(root.mkdirAll(bytes('/link/a/b/'), owner)).toEqual(['/real/a', '/real/a/b']);
    expect(root.mkdirAll(bytes('link/a/b'), owner)).toEqual([]);
    expect(root.mkdirAll(bytes('dangling/c'), owner)).toEqual(['/later', '/later/on', '/later/on/c']);
    expect(statSync(join(folder, 'real')).mode & 0o777).toBe(0o700);
    writeFileSync(join(folder, 'file'), '');
    expect(() => root.mkdirAll(bytes('file/x'), owner)).toThrow('ENOTDIR');
    expect(root.mkdirAll(bytes('/'), owner)).toEqual([]);
  });

  it('resolves as the kernel does inside a root', () => {
    using root = open();
    root.mkdirAll(bytes('usr/lib/x'), owner);
    symlinkSync('usr/lib', join(folder, 'lib'));
    symlinkSync('/lib/x/../y', join(folder, 'abs'));
    symlinkSync('loop', join(folder, 'loop'));
    const table: readonly (readonly [string, string])[] = [
      ['', '/'],
      ['/..', '/'],
      ['lib', '/usr/lib'],
      ['lib/..', '/usr'],
      ['lib//x/./', '/usr/lib/x'],
      ['abs', '/usr/lib/y'],
      ['abs/none/../more', '/usr/lib/y/more'],
      ['none/../lib', '/usr/lib'],
    ];
    for (const [path, resolved] of table) expect(root.resolve(bytes(path)), path).toBe(resolved);
    expect(() => root.resolve(bytes('loop'))).toThrow('ELOOP');
    expect(root.stat(bytes('lib/x')).type).toBe('directory');
    expect(root.stat(bytes('lib')).type).toBe('directory');
    expect(() => root.stat(bytes('loop'))).toThrow('ELOOP');
  });

  it('gives all of a stat, times before the epoch and devices included', () => {
    using root = open();
    root.write(bytes('f'), Buffer.from('12345'), 0o640);
    root.link(bytes('f'), bytes('g'));
    root.chown(bytes('f'), 3_000_000_000, 70_000);
    root.setTimes(bytes('f'), { seconds: -86_400, nanos: 123_456_789 });
    root.mknod(bytes('dev'), { type: 'block', mode: 0o600, major: 259, minor: 70_000 });
    const { inode, ctime, ctimeNanos, ...stat } = root.lstat(bytes('f'));
    expect(stat).toEqual({
      type: 'file',
      mode: 0o640,
      uid: 3_000_000_000,
      gid: 70_000,
      size: 5,
      mtime: -86_400,
      mtimeNanos: 123_456_789,
      major: 0,
      minor: 0,
      links: 2,
    });
    expect(root.lstat(bytes('g')).inode).toBe(inode);
    const real = lstatSync(join(folder, 'f'), { bigint: true });
    expect(inode).toBe(`${real.dev}:${real.ino}`);
    expect(BigInt(ctime) * 1_000_000_000n + BigInt(ctimeNanos)).toBe(real.ctimeNs);
    expect(root.lstat(bytes('dev'))).toMatchObject({ type: 'block', major: 259, minor: 70_000 });
    expect(root.tryLstat(bytes('none'))).toBeUndefined();
    expect(root.tryLstat(bytes('f/below'))).toBeUndefined();
    expect(root.tryLstat(bytes('none/below'))).toBeUndefined();
    expect(() => root.lstat(bytes('none'))).toThrow("ENOENT: no such file or directory, lstat 'none'");
    expect(() => root.lstat(bytes('none/x'))).toThrow(
      expect.objectContaining({ code: 'ENOENT', path: 'none/x' }),
    );
  });

  it('keeps xattr values byte for byte, small and large', () => {
    using root = open();
    root.write(bytes('f'), Buffer.from(''), 0o644);
    root.symlink(bytes('f'), bytes('l'));
    const every = bytes(String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i)));
    const capability = bytes('\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0');
    const large = bytes('\xff'.repeat(2000));
    root.setXattr(bytes('f'), bytes('user.every'), every);
    root.setXattr(bytes('f'), bytes('user.large'), large);
    root.setXattr(bytes('f'), bytes('user.empty'), bytes(''));
    root.setXattr(bytes('f'), bytes('security.capability'), capability);
    root.setXattr(bytes('l'), bytes('trusted.link'), bytes('on the link'));
    expect(root.listXattrs(bytes('f'))).toEqual([
      'security.capability',
      'user.empty',
      'user.every',
      'user.large',
    ]);
    expect(root.listXattrs(bytes('l'))).toEqual(['trusted.link']);
    const values = ['user.every', 'user.large', 'user.empty', 'security.capability', 'user.none'].map(
      (name) => root.getXattr(bytes('f'), bytes(name)),
    );
    expect(values).toEqual([every, large, '', capability, undefined]);
    expect(execFileSync('getcap', [join(folder, 'f')], { encoding: 'utf8' })).toContain(
      'cap_net_bind_service=ep',
    );
    root.removeXattr(bytes('f'), bytes('user.every'));
    expect(root.getXattr(bytes('f'), bytes('user.every'))).toBeUndefined();
    for (let i = 0; i < 40; i++) root.setXattr(bytes('f'), bytes(`user.${'n'.repeat(30)}${i}`), bytes(''));
    expect(root.listXattrs(bytes('f'))).toHaveLength(43);
  });

  it('removes trees deeper than a path can name, and of directories nobody may read', () => {
    using root = open();
    let directory = root.sub(bytes(''));
    for (let i = 0; i < 1200; i++) {
      directory.mkdir(bytes('deep'), i % 100 === 0 ? 0 : 0o755);
      const next = directory.sub(bytes('deep'));
      directory[Symbol.dispose]();
      directory = next;
    }
    directory.write(bytes('file'), Buffer.from(''), 0o644);
    directory[Symbol.dispose]();
    root.removeAll(bytes('deep'));
    expect(readdirSync(folder)).toEqual([]);
    root.removeAll(bytes('deep/none'));
  });

  it('gives descriptors that no child inherits, and closes its own', () => {
    const root = open();
    const fd = root.open(bytes('f'), constants.O_CREAT | constants.O_RDWR, 0o600);
    const flags = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1').match(/^flags:\s*(\d+)/m)?.[1];
    expect(Number.parseInt(flags ?? '0', 8) & 0o2000000).not.toBe(0);
    closeSync(fd);
    root[Symbol.dispose]();
    root[Symbol.dispose]();
    expect(() => fstatSync(root.fd)).toThrow('EBADF');
    expect(() => root.list(bytes(''))).toThrow('EBADF');
  });
});
