import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';

import type { ByteString } from '../../src/core/index.ts';
import { openRootDir, type RootDir } from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { bytes } from '../support/tree-edits.ts';
import { treeOfFolder } from '../support/tree.ts';

const owner = { mode: 0o755, uid: 0, gid: 0 };

describe('no path leads out of a root', () => {
  requires('root');
  let folder = '';
  let host = '';

  /** The root `R/root`, beside a host folder `R/host` that nothing may reach. */
  beforeEach(() => {
    const base = tempFolder('rootdir').path;
    folder = join(base, 'root');
    host = join(base, 'host');
    mkdirSync(folder);
    mkdirSync(join(host, 'inner'), { recursive: true });
    writeFileSync(join(host, 'secret'), 'HOST');
    writeFileSync(join(host, 'inner/file'), 'HOST');
  });

  function open(): RootDir {
    return openRootDir(folder);
  }

  const escapes: readonly (readonly [name: string, path: (host: string) => string])[] = [
    ['an absolute symlink to the host', () => 'absolute'],
    ['a relative symlink of many ..', () => 'upward'],
    ['a chain of absolute symlinks', () => 'chain'],
    ['.. from the top', (host) => `../../../../../../../..${host}`],
    ['an absolute path', (host) => host],
    ['.. out of a directory below', (host) => `dir/../../../../../../..${host}`],
    ['a symlink to / and the path below it', (host) => `slash${host}`],
  ];

  for (const [name, pathOf] of escapes) {
    it(`S-40 S-41 ${name}: every call stays inside, HOST PATH WAS CHANGED by none`, async () => {
      using root = open();
      symlinkSync(host, join(folder, 'absolute'));
      symlinkSync(`../../../../../../../../../..${host}`, join(folder, 'upward'));
      symlinkSync('/chain2', join(folder, 'chain'));
      symlinkSync('/absolute', join(folder, 'chain2'));
      symlinkSync('/', join(folder, 'slash'));
      mkdirSync(join(folder, 'dir'));
      const before = await treeOfFolder(host, { times: true });
      const at = (below: string): ByteString => bytes(`${pathOf(host)}/${below}`);

      // The host's folder is not there, from inside.
      expect(root.tryLstat(at('secret'))).toBeUndefined();
      expect(root.resolve(at('secret'))).toBe(`${host}/secret`);
      expect(() => root.read(at('secret'), 100)).toThrow('ENOENT');
      expect(() => root.list(at(''))).toThrow('ENOENT');
      for (const change of writes(root, at)) expect(change).toThrow('ENOENT');
      root.removeAll(at('secret'));

      // Once a folder of the same name stands inside, all of it happens there.
      expect(root.mkdirAll(at('inner'), owner).at(-1)).toBe(`${host}/inner`);
      root.write(at('secret'), Buffer.from('INSIDE'), 0o644);
      expect(root.read(at('secret'), 100).toString()).toBe('INSIDE');
      for (const change of writes(root, at)) expect(change).not.toThrow();
      root.removeAll(at('inner'));
      root.removeAll(at('secret'));

      expect(existsSync(join(folder, host, 'new'))).toBe(true);
      expect(existsSync(join(folder, host, 'secret'))).toBe(false);
      expect(await treeOfFolder(host, { times: true })).toEqual(before);
    });
  }

  /** Every call that changes something, on names below `at`. */
  function writes(root: RootDir, at: (below: string) => ByteString): (() => void)[] {
    return [
      () => root.mkdir(at('directory'), 0o755),
      () => root.write(at('new'), Buffer.from('x'), 0o644),
      () => root.symlink(bytes('x'), at('symlink')),
      () => root.link(at('secret'), at('hard')),
      () => root.mknod(at('fifo'), { type: 'fifo', mode: 0o644, major: 0, minor: 0 }),
      () => root.chmod(at('secret'), 0o600),
      () => root.chown(at('secret'), 1, 1),
      () => root.setTimes(at('secret'), { seconds: 1 }),
      () => root.setXattr(at('secret'), bytes('user.x'), bytes('y')),
      () => root.removeXattr(at('secret'), bytes('user.x')),
      () => root.rename(at('hard'), at('moved')),
      () => root.unlink(at('moved')),
      () => root.rmdir(at('directory')),
      () => closeSync(root.open(at('opened'), constants.O_CREAT | constants.O_WRONLY, 0o600)),
      () => root.sub(at(''))[Symbol.dispose](),
    ];
  }

  it('S-41 magic links are refused', () => {
    using root = openRootDir('/');
    const magic = bytes(`proc/${process.pid}/root/etc/passwd`);
    expect(() => root.read(magic, 1_000_000)).toThrow('ELOOP');
    expect(() => root.lstat(magic)).toThrow('ELOOP');
    expect(() => root.list(bytes(`proc/${process.pid}/cwd`))).toThrow('ELOOP');
    expect(root.lstat(bytes(`proc/${process.pid}/root`)).type).toBe('symlink');
  });

  it('S-41 the last component is not followed by what changes or removes it', async () => {
    using root = open();
    symlinkSync(host, join(folder, 'link'));
    symlinkSync(join(host, 'secret'), join(folder, 'file'));
    const before = await treeOfFolder(host, { times: true });
    const link = bytes('link');

    expect(root.lstat(link).type).toBe('symlink');
    expect(root.readlink(link)).toBe(host);
    root.chmod(link, 0o777);
    root.chown(link, 3, 4);
    root.setTimes(link, { seconds: -7, nanos: 5 });
    root.link(link, bytes('again'));
    expect(() => root.write(bytes('file'), Buffer.from('x'), 0o644)).toThrow('EINVAL');
    expect(root.lstat(bytes('again'))).toMatchObject({
      uid: 3,
      gid: 4,
      mtime: -7,
      mtimeNanos: 5,
      links: 2,
    });
    root.removeAll(link);
    root.unlink(bytes('again'));
    root.removeAll(bytes('file'));

    expect(readdirSync(folder)).toEqual([]);
    expect(await treeOfFolder(host, { times: true })).toEqual(before);
  });

  it('S-41 a tree is removed without following what is in it and without crossing a mount', () => {
    using root = open();
    root.mkdirAll(bytes('a/b/c'), owner);
    symlinkSync(host, join(folder, 'a/b/link'));
    mkdirSync(join(folder, 'a/mounted'));
    execFileSync('mount', ['--bind', host, join(folder, 'a/mounted')]);
    try {
      expect(() => root.removeAll(bytes('a'))).toThrow(/EXDEV|EBUSY/);
    } finally {
      execFileSync('umount', [join(folder, 'a/mounted')]);
    }
    expect(readFileSync(join(host, 'inner/file'), 'utf8')).toBe('HOST');
    root.removeAll(bytes('a'));
    expect(existsSync(join(folder, 'a'))).toBe(false);
    expect(readFileSync(join(host, 'inner/file'), 'utf8')).toBe('HOST');
  });

  it('S-41 the root itself and its parent are never removed', () => {
    using root = open();
    root.mkdir(bytes('kept'), 0o755);
    for (const path of ['', '/', '.', '..', '../..', 'kept/..']) {
      expect(() => root.removeAll(bytes(path)), path).toThrow('EINVAL');
    }
    expect(readdirSync(folder)).toEqual(['kept']);
  });
});
