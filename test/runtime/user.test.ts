import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { resolveOwner, resolveUser, type ResolvedUser } from '../../src/runtime/index.ts';
import { openRootDir } from '../../src/sys/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
# comment:x:7:7::/:
+nis:x:8:8::/:

app:x:1000:1001:App,,,:/home/app:/bin/sh
broken:x:1x:1000::/broken:/bin/sh
minus-one:x:4294967295:1000::/:/bin/sh
nogroup-id:x:1005:::/nogid:/bin/sh
relative:x:1006:1006::home/relative:/bin/sh
short:x:1007:1007
josé:x:1008:1008::/home/josé:/bin/sh
9lives:x:1009:1009::/home/9lives:/bin/sh
`;

const group = `root:x:0:
daemon:x:1:
app:x:1001:
wheel:x:10:root,app
docker:x:999: app , josé
audio:x:29:application,ap
broken:x:2x:app
josé:x:1008:
`;

interface Files {
  readonly passwd?: string | Uint8Array;
  readonly group?: string | Uint8Array;
}

function rootWith(files: Files): { readonly path: string } & Disposable {
  const folder = tempFolder('user');
  mkdirSync(join(folder.path, 'etc'));
  for (const name of ['passwd', 'group'] as const) {
    const content = files[name];
    if (content !== undefined) writeFileSync(join(folder.path, 'etc', name), content);
  }
  return folder;
}

function resolve(user: string, files: Files = { passwd, group }): ReturnType<typeof resolveUser> {
  using folder = rootWith(files);
  using root = openRootDir(folder.path);
  return resolveUser(root, user);
}

function owner(chown: string, files: Files = { passwd, group }): ReturnType<typeof resolveOwner> {
  using folder = rootWith(files);
  using root = openRootDir(folder.path);
  return resolveOwner(root, chown);
}

/** Asks for a user of a root whose /etc is prepared by `prepare`. */
function resolveIn(prepare: (etc: string) => void, user = 'app'): ReturnType<typeof resolveUser> {
  using folder = rootWith({});
  prepare(join(folder.path, 'etc'));
  using root = openRootDir(folder.path);
  return resolveUser(root, user);
}

const userNotFound = expect.objectContaining({ code: 'USER_NOT_FOUND' }) as Error;

describe('USER', () => {
  const cases: readonly (readonly [string, Omit<ResolvedUser, 'name'>])[] = [
    ['', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
    ['root', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
    ['0', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
    ['app', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 999], home: '/home/app' }],
    ['1000', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 999], home: '/home/app' }],
    ['01000', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 999], home: '/home/app' }],
    ['app:', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 999], home: '/home/app' }],
    ['app:wheel', { uid: 1000, gid: 10, additionalGids: [10], home: '/home/app' }],
    ['app:4242', { uid: 1000, gid: 4242, additionalGids: [4242], home: '/home/app' }],
    ['1000:10', { uid: 1000, gid: 10, additionalGids: [10], home: '/home/app' }],
    ['1000:wheel', { uid: 1000, gid: 10, additionalGids: [10], home: '/home/app' }],
    [':wheel', { uid: 0, gid: 10, additionalGids: [10], home: '/root' }],
    ['4242', { uid: 4242, gid: 0, additionalGids: [0], home: '/' }],
    ['4242:4343', { uid: 4242, gid: 4343, additionalGids: [4343], home: '/' }],
    ['4294967294:4294967294', { uid: 4294967294, gid: 4294967294, additionalGids: [4294967294], home: '/' }],
    ['josé', { uid: 1008, gid: 1008, additionalGids: [1008, 999], home: '/home/josé' }],
    ['9lives:9', { uid: 1009, gid: 9, additionalGids: [9], home: '/home/9lives' }],
    ['relative:1', { uid: 1006, gid: 1, additionalGids: [1], home: '/' }],
    ['short', { uid: 1007, gid: 1007, additionalGids: [1007], home: '/' }],
    ['nogroup-id:1', { uid: 1005, gid: 1, additionalGids: [1], home: '/nogid' }],
  ];

  it.each(cases)('R-46 L-197 S-12 resolves %j', (user, resolved) => {
    expect(resolve(user)).toMatchObject(resolved);
  });

  it('R-46 tells the login name of a user with an entry only', () => {
    expect(resolve('1000').name).toBe('app');
    expect(resolve('4242').name).toBeUndefined();
  });

  it.each([
    '1x',
    '0x0',
    '-1',
    '+1',
    '1.0',
    ' 0',
    'root ',
    'ap',
    'application',
    '#',
    'x',
    '# comment',
    '+nis',
  ])('S-11 refuses the user %j, which is no number and has no entry', (user) => {
    expect(() => resolve(user)).toThrow(userNotFound);
    expect(() => resolve(`${user}:0`)).toThrow(userNotFound);
    expect(() => owner(user)).toThrow(userNotFound);
  });

  it.each(['4294967295', '4294967296', '18446744073709551616', '99999999999999999999999'])(
    'S-11 refuses the id %s, which the kernel would read as another',
    (id) => {
      expect(() => resolve(id)).toThrow(userNotFound);
      expect(() => resolve(`0:${id}`)).toThrow(userNotFound);
      expect(() => owner(id)).toThrow(userNotFound);
    },
  );

  it('S-11 never reads a malformed id of the files as 0', () => {
    expect(() => resolve('broken')).toThrow(/entry of "broken" in \/etc\/passwd is malformed/);
    expect(() => resolve('minus-one')).toThrow(/entry of "minus-one" in \/etc\/passwd is malformed/);
    expect(() => resolve('app:broken')).toThrow(/entry of "broken" in \/etc\/group is malformed/);
    expect(() => resolve('nogroup-id')).toThrow(userNotFound);
  });

  it.each(['a:b:c', '::', '0:0:0'])('S-11 refuses %j, which has too many parts', (user) => {
    expect(() => resolve(user)).toThrow(userNotFound);
  });

  it('L-197 names the nearest user or group', () => {
    expect(() => resolve('ap')).toThrow(
      expect.objectContaining({
        message: 'no user "ap" in the root file system',
        hint: 'did you mean "app"?',
      }),
    );
    expect(() => resolve('app:weel')).toThrow(expect.objectContaining({ hint: 'did you mean "wheel"?' }));
    expect(() => resolve('postgres')).toThrow(
      expect.objectContaining({ hint: 'add it to /etc/passwd in an earlier step, or give a numeric id' }),
    );
  });

  it('R-46 needs no files for two numbers, and none for one', () => {
    expect(resolve('5:6', {})).toMatchObject({ uid: 5, gid: 6, additionalGids: [6], home: '/' });
    expect(resolve('5', {})).toMatchObject({ uid: 5, gid: 0, home: '/' });
    expect(resolve('', {})).toMatchObject({ uid: 0, gid: 0, additionalGids: [0], home: '/' });
    expect(() => resolve('root', {})).toThrow(userNotFound);
  });

  it('R-46 reads a file without a final line end, and one with CRLF', () => {
    expect(resolve('a', { passwd: 'a:x:5:6::/a:/bin/sh' })).toMatchObject({ uid: 5, gid: 6, home: '/a' });
    expect(resolve('a', { passwd: 'a:x:5:6::/a\r\n' })).toMatchObject({ uid: 5, home: '/a' });
  });

  it('R-46 takes names and homes as bytes', () => {
    const files = {
      passwd: Buffer.from('\xff:x:5:6::/\xe0:\n', 'latin1'),
      group: Buffer.from('g:x:9:\xff,à\n'),
    };
    expect(() => resolve('ÿ', files)).toThrow(userNotFound);
    expect(resolve('5', files)).toMatchObject({ uid: 5, home: '/\ufffd' });
    expect(resolve('à', { passwd: 'à:x:5:6:::\n', group: 'g:x:9:b,à\n' }).additionalGids).toEqual([6, 9]);
  });
});

describe('--chown', () => {
  it.each([
    ['1000', 1000, 1000],
    ['4242', 4242, 4242],
    ['app', 1000, 1001],
    ['app:wheel', 1000, 10],
    ['1000:wheel', 1000, 10],
    ['app:5', 1000, 5],
    ['1:2', 1, 2],
    [':wheel', 0, 10],
    ['root', 0, 0],
  ])('L-151 resolves %j', (chown, uid, gid) => {
    expect(owner(chown)).toEqual({ uid, gid });
  });

  it('L-151 needs no files for numbers', () => {
    expect(owner('7', {})).toEqual({ uid: 7, gid: 7 });
    expect(owner('7:8', {})).toEqual({ uid: 7, gid: 8 });
  });

  it('L-151 fails for unknown names instead of taking root', () => {
    expect(() => owner('nobody')).toThrow(userNotFound);
    expect(() => owner('app:nobody')).toThrow(userNotFound);
    expect(() => owner('0:nobody', {})).toThrow(userNotFound);
  });
});

describe('hostile account files', () => {
  const attacks: Readonly<Record<string, (etc: string) => void>> = {
    'a FIFO': (etc) => void execFileSync('mkfifo', [join(etc, 'passwd')]),
    'a directory': (etc) => mkdirSync(join(etc, 'passwd')),
    'an endless device': (etc) => void execFileSync('mknod', [join(etc, 'passwd'), 'c', '1', '5']),
    'a link to itself': (etc) => symlinkSync('passwd', join(etc, 'passwd')),
    // Comments, so that it is neither its lines nor its entries that are too many.
    'larger than 10 MiB': (etc) =>
      writeFileSync(join(etc, 'passwd'), `app:x:1:1::/:\n${`#${'x'.repeat(1022)}\n`.repeat(11_000)}`),
    'one endless line': (etc) => writeFileSync(join(etc, 'passwd'), 'a'.repeat(2_000_000)),
    'a line of blanks': (etc) => writeFileSync(join(etc, 'passwd'), `${' '.repeat(1_500_000)}x`),
    'too many entries': (etc) => writeFileSync(join(etc, 'passwd'), 'a:\n'.repeat(200_000)),
  };

  it.each(Object.entries(attacks))('S-13 S-14 %s is an error, and none for numbers', (_, prepare) => {
    const cannotRead = expect.objectContaining({
      code: 'USER_NOT_FOUND',
      message: expect.stringMatching(/^cannot read \/etc\/passwd of the root file system/) as string,
    }) as Error;
    expect(() => resolveIn(prepare)).toThrow(cannotRead);
    expect(() => resolveIn(prepare, '7')).toThrow(cannotRead);
    expect(resolveIn(prepare, '7:8')).toMatchObject({ uid: 7, gid: 8, home: '/' });
  });

  it('S-13 a group file of the same kind is an error, too', () => {
    const prepare = (etc: string): void => {
      writeFileSync(join(etc, 'passwd'), passwd);
      execFileSync('mkfifo', [join(etc, 'group')]);
    };
    expect(() => resolveIn(prepare)).toThrow(userNotFound);
    expect(() => resolveIn(prepare, 'app:wheel')).toThrow(userNotFound);
    expect(resolveIn(prepare, 'app:5')).toMatchObject({ uid: 1000, gid: 5 });
  });

  it('S-13 S-12 a user in more groups than the kernel takes is an error', () => {
    const groups = (count: number): string =>
      Array.from({ length: count }, (_, id) => `g${id}:x:${id + 10}:app\n`).join('');
    const files = (count: number): Files => ({ passwd: 'app:x:5:9::/:\n', group: groups(count) });
    expect(resolve('app', files(65_535)).additionalGids).toHaveLength(65_536);
    expect(() => resolve('app', files(65_536))).toThrow(/is in too many groups/);
  });

  it('S-14 a symlink is followed inside the root only', () => {
    const outside = tempFolder('outside');
    writeFileSync(join(outside.path, 'passwd'), 'app:x:666:666::/:\n');
    const linkTo = (target: string) => (etc: string) => symlinkSync(target, join(etc, 'passwd'));
    expect(() => resolveIn(linkTo(join(outside.path, 'passwd')))).toThrow(userNotFound);
    expect(() => resolveIn(linkTo(`../../../../../../..${outside.path}/passwd`))).toThrow(userNotFound);
    const inside = (etc: string): void => {
      writeFileSync(join(etc, 'real'), 'app:x:5:5::/:\n');
      linkTo('/etc/real')(etc);
    };
    expect(resolveIn(inside).uid).toBe(5);
  });
});
