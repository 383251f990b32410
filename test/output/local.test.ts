import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { parseBuildContext } from '../../src/ops/index.ts';
import { buildTo } from '../support/build-to.ts';
import { makeTar, type TarSpec } from '../support/make-tar.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { treeOfFolder, type TreeEntry } from '../support/tree.ts';

/** An image whose root file system is this archive. */
function imageOf(entries: readonly TarSpec[]): { dockerfile: string; files: Record<string, Uint8Array> } {
  return { dockerfile: 'FROM scratch\nADD rootfs.tar /\n', files: { 'rootfs.tar': makeTar(entries) } };
}

/** `path mode owner type content`, as far as they are asked about. */
function lines(tree: readonly TreeEntry[]): string[] {
  return tree.map(({ path, mode, owner, type, hardLinkOf, xattrs = [] }) =>
    [path, mode, owner, type, ...(hardLinkOf === undefined ? [] : [`= ${hardLinkOf}`]), ...xattrs].join(' '),
  );
}

const odd: readonly TarSpec[] = [
  { path: 'dir/', type: 'directory', mode: 0o2751, uid: 7, gid: 8 },
  { path: 'dir/file', body: 'text', mode: 0o640, uid: 1000, gid: 50, mtime: 1_000_000_000 },
  { path: 'dir/second', type: 'hardlink', link: 'dir/file', mode: 0o640, mtime: 1_000_000_000 },
  { path: 'dir/su', body: 'x', mode: 0o6755 },
  { path: 'open/', type: 'directory', mode: 0o1777 },
  { path: 'shut/', type: 'directory', mode: 0 },
  { path: 'shut/in', body: 'kept' },
  { path: 'link', type: 'symlink', link: '/etc/passwd' },
  { path: 'dangling', type: 'symlink', link: '../../nowhere' },
  { path: 'pipe', type: 'fifo', mode: 0o600 },
  { path: 'null', type: 'char', mode: 0o666, device: [1, 3] },
  {
    path: 'caps',
    body: 'y',
    mode: 0o755,
    pax: {
      'SCHILY.xattr.security.capability': '\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0',
      'SCHILY.xattr.user.note': 'hi',
    },
  },
  { path: 'na\xefve\xff', body: 'bytes' },
];

describe('files of a result in a folder', () => {
  requires('root', 'overlay', 'tool:getfattr');

  it('O-04 S-45 belong to whoever builds, without what would give rights away', async () => {
    const { folder, warnings } = await buildTo({ ...imageOf(odd), to: ['type=local,dest={}/out'] });
    expect(lines(await treeOfFolder(join(folder, 'out')))).toEqual([
      'caps 755 0:0 file user.note=0x6869',
      'dangling 777 0:0 symlink',
      'dir 751 0:0 directory',
      'dir/file 640 0:0 file',
      'dir/second 640 0:0 file = dir/file',
      'dir/su 755 0:0 file',
      'link 777 0:0 symlink',
      'na\xefve\xff 644 0:0 file',
      'open 1777 0:0 directory',
      'pipe 600 0:0 fifo',
      'shut 0 0:0 directory',
      'shut/in 644 0:0 file',
    ]);
    expect(warnings).toEqual([
      `left out of ${folder}/out: 1 device file and the set-id bits or capabilities of 2 files; ` +
        'special-files=true copies them, type=tar keeps owners, too',
    ]);
    expect(readFileSync(join(folder, 'out/dir/second'), 'utf8')).toBe('text');
    expect(statSync(join(folder, 'out/dir/file')).mtimeMs).toBe(1_000_000_000_000);
  });

  it('O-04 S-45 have set-id bits, capabilities and devices when that is asked for', async () => {
    const to = ['type=local,dest={}/out,special-files=true'];
    const { folder, warnings } = await buildTo({ ...imageOf(odd), to });
    const tree = lines(await treeOfFolder(join(folder, 'out')));
    expect(tree).toEqual(
      expect.arrayContaining([
        'dir/su 6755 0:0 file',
        'null 666 0:0 char',
        expect.stringMatching(/^caps 755 0:0 file security\.capability=0x01\w+ user\.note=0x6869$/),
      ]),
    );
    expect(warnings).toEqual([]);
  });

  it('O-55 O-04 have the time of SOURCE_DATE_EPOCH, every one of them', async () => {
    const { folder } = await buildTo({
      ...imageOf(odd.slice(0, 8)),
      buildArgs: new Map([['SOURCE_DATE_EPOCH', '1234']]),
      to: ['{}/out'],
    });
    const tree = await treeOfFolder(join(folder, 'out'), { times: true });
    expect(new Set(tree.map(({ mtime }) => mtime))).toEqual(new Set([1234]));
  });

  it('O-04 an empty result is an empty folder, and folders above are made', async () => {
    const { folder } = await buildTo({ dockerfile: 'FROM scratch\nLABEL a=b\n', to: ['{}/a/b/out'] });
    expect(readdirSync(join(folder, 'a/b'))).toEqual(['out']);
    expect(readdirSync(join(folder, 'a/b/out'))).toEqual([]);
  });
});

describe('a folder that is there already', () => {
  requires('root', 'overlay', 'tool:getfattr');
  const image = imageOf([
    { path: 'bin/', type: 'directory', mode: 0o755 },
    { path: 'bin/app', body: 'new', mode: 0o755 },
    { path: 'etc/', type: 'directory', mode: 0o755 },
    { path: 'etc/passwd', body: 'image' },
    { path: 'note', body: 'new' },
  ]);

  it('O-04 keeps what the result has not, and has the rest anew', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'out/bin'), { recursive: true, mode: 0o700 });
    writeFileSync(join(path, 'out/bin/app'), 'old');
    writeFileSync(join(path, 'out/bin/own'), 'own');
    writeFileSync(join(path, 'out/more'), 'more');
    await buildTo({ ...image, to: ['{}/out'] }, path);
    const tree = (await treeOfFolder(join(path, 'out'))).map((entry) => entry.path);
    expect(tree).toEqual(['bin', 'bin/app', 'bin/own', 'etc', 'etc/passwd', 'more', 'note']);
    expect(readFileSync(join(path, 'out/bin/app'), 'utf8')).toBe('new');
  });

  it('O-04 keeps nothing else with mode=delete', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'out/bin/deep'), { recursive: true });
    mkdirSync(join(path, 'out/note/x'), { recursive: true });
    writeFileSync(join(path, 'out/bin/own'), 'own');
    symlinkSync('/etc', join(path, 'out/gone'));
    const parsed = 'type=local,dest={}/out,mode=delete';
    await expect(buildTo({ ...image, to: [parsed] }, path)).rejects.toMatchObject({ code: 'USAGE' });
    const here = process.cwd();
    process.chdir(path);
    try {
      await buildTo({ ...image, to: ['type=local,dest=out,mode=delete'] }, path);
    } finally {
      process.chdir(here);
    }
    const tree = (await treeOfFolder(join(path, 'out'))).map((entry) => entry.path);
    expect(tree).toEqual(['bin', 'bin/app', 'etc', 'etc/passwd', 'note']);
    expect(lstatSync('/etc').isDirectory()).toBe(true);
  });

  it.each([
    ['a link to a folder of the host', 'etc', 'folder'],
    ['a link to a file of the host', 'note', 'file'],
    ['a link out by ..', 'bin', '../outside'],
  ])('S-45 %s is replaced, never written through', async (_what, name, target) => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'out'));
    mkdirSync(join(path, 'outside'));
    mkdirSync(join(path, 'folder'));
    writeFileSync(join(path, 'folder/passwd'), 'host');
    writeFileSync(join(path, 'file'), 'host');
    symlinkSync(target.startsWith('..') ? target : join(path, target), join(path, 'out', name));
    await buildTo({ ...image, to: ['{}/out'] }, path);
    expect(readFileSync(join(path, 'folder/passwd'), 'utf8')).toBe('host');
    expect(readFileSync(join(path, 'file'), 'utf8')).toBe('host');
    expect(readdirSync(join(path, 'outside'))).toEqual([]);
    expect(lstatSync(join(path, 'out', name)).isSymbolicLink()).toBe(false);
  });

  it('O-04 S-45 a folder of the user is not thrown away for a file', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'out/note'), { recursive: true });
    writeFileSync(join(path, 'out/note/mine'), 'mine');
    await expect(buildTo({ ...image, to: ['{}/out'] }, path)).rejects.toMatchObject({
      code: 'IO_ERROR',
      message: '"note" is a folder there, and a file in the result',
    });
    expect(readFileSync(join(path, 'out/note/mine'), 'utf8')).toBe('mine');
  });

  it('S-45 a link as the folder itself is followed: the user named it', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'real'));
    symlinkSync('real', join(path, 'out'));
    await buildTo({ ...image, to: ['{}/out'] }, path);
    expect(readdirSync(join(path, 'real'))).toEqual(['bin', 'etc', 'note']);
  });
});

describe('links of the result', () => {
  requires('root', 'overlay', 'tool:getfattr');

  it('S-45 lead nobody out of the folder while it is written', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'outside'));
    const first = imageOf([{ path: 'way', type: 'symlink', link: join(path, 'outside') }]);
    const second = imageOf([
      { path: 'way/', type: 'directory', mode: 0o755 },
      { path: 'way/in', body: 'x' },
    ]);
    await buildTo({ ...first, to: ['{}/out'] }, path);
    await buildTo({ ...second, to: ['{}/out'] }, path);
    expect(readdirSync(join(path, 'outside'))).toEqual([]);
    expect(readdirSync(join(path, 'out/way'))).toEqual(['in']);
    // And back: the link takes the place of a folder only where that is empty of the user's files.
    await expect(buildTo({ ...first, to: ['{}/out'] }, path)).rejects.toMatchObject({ code: 'IO_ERROR' });
  });
});

describe('mode=delete', () => {
  const dockerfile = 'FROM scratch\nLABEL a=b\n';

  it.each([
    ['outside of the working folder', '{}/out', /not below the working folder/],
    ['of the working folder', '.', /not below the working folder|has the build context/],
    ['of the root', '/', /root of this machine/],
  ])('O-04 S-45 is refused %s', async (_what, dest, message) => {
    await expect(buildTo({ dockerfile, to: [`type=local,dest=${dest},mode=delete`] })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(message) as string,
    });
  });

  it('O-04 S-45 is refused of the context and of the store, whatever is allowed', async () => {
    const { path } = tempFolder('output');
    mkdirSync(join(path, 'sub/context'), { recursive: true });
    writeFileSync(join(path, 'sub/context/Dockerfile'), dockerfile);
    symlinkSync('sub', join(path, 'alias'));
    const here = process.cwd();
    process.chdir(path);
    try {
      const to = ['type=local,dest=alias,mode=delete'];
      await expect(
        buildTo({ dockerfile, context: join(path, 'sub/context'), to }, path),
      ).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('the build context') as string,
      });
      const namedContexts = [parseBuildContext(`more=${path}/sub/context`)];
      await expect(buildTo({ dockerfile, namedContexts, to }, path)).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('the build context more') as string,
      });
      await expect(buildTo({ dockerfile, root: join(path, 'sub/store'), to }, path)).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('the store') as string,
      });
    } finally {
      process.chdir(here);
    }
    expect(readdirSync(join(path, 'sub'))).toEqual(['context']);
  });
});
