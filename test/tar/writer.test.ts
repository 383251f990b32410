import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { fromText, type ByteString } from '../../src/core/index.ts';
import { createTarWriter, encodeEntryHeader, type TarHeader } from '../../src/tar/index.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tarHeader, writeTar } from '../support/tar-headers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { treeOfFolder } from '../support/tree.ts';

const bytes = (text: string): ByteString => text as ByteString;

/** 1 without a PAX header, else 3 (or more, for long records). */
function blocksOf(path: string, fields: Partial<TarHeader> = {}): number {
  return encodeEntryHeader(tarHeader(path, fields)).length / 512;
}

describe('O-35 PAX headers', () => {
  it.each<[string, TarHeader]>([
    ['a plain file', tarHeader('etc/passwd')],
    ['a name of 100 bytes', tarHeader('x'.repeat(100))],
    ['a directory whose slash is the hundredth byte', tarHeader('x'.repeat(99), { type: 'directory' })],
    ['a path that splits', tarHeader(`${'p'.repeat(155)}/${'n'.repeat(100)}`)],
    [
      'a directory path that splits',
      tarHeader(`${'p'.repeat(155)}/${'n'.repeat(99)}`, { type: 'directory' }),
    ],
    ['UTF-8', tarHeader(fromText('größe'))],
    ['bytes that are not UTF-8', tarHeader('raw\xff')],
    [
      'the largest octal numbers',
      tarHeader('x', { uid: 2097151, gid: 2097151, mtime: 8589934591, size: 8589934591 }),
    ],
    ['a link of 100 bytes', tarHeader('x', { type: 'symlink', link: bytes('l'.repeat(100)) })],
    ['a device', tarHeader('x', { type: 'char', device: { major: 4095, minor: 1048575 } })],
  ])('are not written for %s', (_, header) => {
    expect(encodeEntryHeader(header).length).toBe(512);
  });

  it.each<[string, TarHeader, string]>([
    ['a path that splits nowhere', tarHeader('x'.repeat(101)), `path=${'x'.repeat(101)}`],
    ['a last component of 101 bytes', tarHeader(`p/${'n'.repeat(101)}`), 'path=p/'],
    ['a prefix of 156 bytes', tarHeader(`${'p'.repeat(156)}/n`), 'path=p'],
    ['a long link', tarHeader('x', { type: 'symlink', link: bytes('l'.repeat(101)) }), 'linkpath=l'],
    ['8 GiB', tarHeader('x', { size: 8589934592 }), '19 size=8589934592'],
    ['a large uid', tarHeader('x', { uid: 2097152 }), '15 uid=2097152'],
    ['a large gid', tarHeader('x', { gid: 4294967294 }), '18 gid=4294967294'],
    ['a time before 1970', tarHeader('x', { mtime: -1 }), '12 mtime=-1'],
    ['a time after 2242', tarHeader('x', { mtime: 8589934592 }), 'mtime=8589934592'],
    ['a fraction of a second', tarHeader('x', { mtimeNanos: 5_000_000 }), 'mtime=1700000000.005'],
    [
      'an xattr',
      tarHeader('x', { xattrs: [[bytes('user.a'), bytes('\0\n')]] }),
      'SCHILY.xattr.user.a=\0\n\n',
    ],
  ])('S-76 are written for %s', (_, header, record) => {
    const blocks = encodeEntryHeader(header);
    expect(blocks.length).toBeGreaterThan(512);
    expect(blocks.toString('latin1', 512, 1024)).toContain(record);
  });

  it('leave the root with its own name', () => {
    expect(encodeEntryHeader(tarHeader('', { type: 'directory' })).toString('latin1', 0, 3)).toBe('./\0');
  });

  it('record no names of users, no access and no change time', () => {
    const blocks = encodeEntryHeader(tarHeader('x'.repeat(300), { mtimeNanos: 1 }));
    const main = blocks.subarray(blocks.length - 512);
    expect(main.subarray(265, 329).every((byte) => byte === 0)).toBe(true);
    expect(blocks.toString('latin1')).not.toMatch(/atime|ctime|uname|gname/);
  });

  it('grow by the records only', () => {
    expect(blocksOf('x', { xattrs: [[bytes('user.a'), bytes('v'.repeat(1000))]] })).toBe(5);
  });
});

describe('misuse', () => {
  it.each<[string, TarHeader]>([
    ['NUL in a tar path', tarHeader('a\0b')],
    ['NUL in a tar path', tarHeader('a', { type: 'symlink', link: bytes('b\0') })],
    ['without a path', tarHeader('')],
    ['has no body', tarHeader('a', { type: 'fifo', size: 1 })],
    ['without target', tarHeader('a', { type: 'hardlink' })],
  ])('%s', (message, header) => {
    expect(() => encodeEntryHeader(header)).toThrow(message);
  });

  it('a body must have the size that was said', () => {
    const writer = createTarWriter(() => undefined);
    writer.entry(tarHeader('a', { size: 3 }));
    expect(() => writer.data(Buffer.from('four'))).toThrow(/more bytes/);
    writer.data(Buffer.from('ab'));
    expect(() => writer.entry(tarHeader('b'))).toThrow(/lacks 1 bytes/);
    expect(() => writer.finish()).toThrow(/lacks 1 bytes/);
  });
});

describe('archives', () => {
  it('end with two zero blocks and nothing else', () => {
    expect(writeTar([])).toEqual(Buffer.alloc(1024));
    expect(writeTar([[tarHeader('a'), Buffer.from('x')]]).length).toBe(512 + 512 + 1024);
  });

  it('are the same however the bodies are cut and the sink answers', async () => {
    const body = Buffer.alloc(700_000, 'body');
    const header = tarHeader('a', { size: body.length });
    const digests = new Set<string>();
    for (const piece of [body.length, 100_000, 32_768, 1000]) {
      for (const wait of [false, true]) {
        const hash = createHash('sha256');
        const writer = createTarWriter((chunk) => {
          hash.update(chunk);
          return wait ? new Promise<void>((resolve) => setImmediate(resolve)) : undefined;
        });
        await writer.entry(header);
        for (let at = 0; at < body.length; at += piece) await writer.data(body.subarray(at, at + piece));
        await writer.entry(tarHeader('b'));
        await writer.finish();
        digests.add(hash.digest('hex'));
      }
    }
    expect(digests.size).toBe(1);
  });

  it('hand large bodies to the sink without copying', () => {
    const body = Buffer.alloc(100_000);
    const chunks: Uint8Array[] = [];
    const writer = createTarWriter((chunk) => void chunks.push(chunk));
    writer.entry(tarHeader('a', { size: body.length }));
    writer.data(body);
    expect(chunks.some((chunk) => chunk === body)).toBe(true);
  });
});

/** Every kind of entry, and every awkward name. */
const everything: [TarHeader, Buffer?][] = [
  [tarHeader('', { type: 'directory', mode: 0o711 })],
  [tarHeader('d', { type: 'directory', mode: 0o1777, uid: 5, gid: 6 })],
  [
    tarHeader('d/file', {
      mode: 0o4755,
      xattrs: [
        [bytes('user.k'), bytes('a\n\0\xff')],
        [bytes('user.a=b%'), bytes('')],
      ],
    }),
    Buffer.from('hello'),
  ],
  [tarHeader('d/hard', { type: 'hardlink', link: bytes('d/file'), mode: 0o4755 })],
  [tarHeader('d/soft', { type: 'symlink', link: bytes('/etc/../x'), mode: 0o777 })],
  [tarHeader('d/longlink', { type: 'symlink', link: bytes(`/${'l'.repeat(200)}`), mode: 0o777 })],
  [tarHeader('d/fifo', { type: 'fifo' })],
  [tarHeader('d/char', { type: 'char', device: { major: 1, minor: 3 } })],
  [tarHeader('d/block', { type: 'block', device: { major: 259, minor: 100_000 } })],
  [tarHeader('d/ids', { uid: 3_000_000, gid: 4_000_000_000 })],
  [tarHeader('d/old', { mtime: -86_400 })],
  [tarHeader('d/zero', { mtime: 0 })],
  [tarHeader(fromText('d/größe 日本')), Buffer.from('x')],
  [tarHeader('d/raw\xff\xfe')],
  [tarHeader('d/new\nline')],
  [tarHeader(`d/${'n'.repeat(255)}`)],
  [tarHeader(`d/${'\xe9'.repeat(200)}`)],
  [tarHeader(`d/${'p'.repeat(120)}`, { type: 'directory' })],
  [tarHeader(`d/${'p'.repeat(120)}/${'n'.repeat(90)}`)],
];

describe('S-76 other readers', () => {
  it('GNU tar unpacks what was written', async () => {
    requires('root', 'tool:tar');
    using folder = tempFolder('writer');
    const archive = join(folder.path, 'a.tar');
    const root = join(folder.path, 'root');
    mkdirSync(root);
    writeFileSync(archive, writeTar(everything));
    const options = ['--numeric-owner', '--xattrs', '--xattrs-include=*'];
    // A locale without UTF-8 shows that no name is recoded.
    await runOk(['tar', ...options, '-xpf', archive, '-C', root], { env: { ...process.env, LC_ALL: 'C' } });
    const tree = await treeOfFolder(root, { times: true });
    const expected = everything.slice(1).map(([header, body = Buffer.alloc(0)]) => {
      const linked = header.type === 'hardlink' || header.path === 'd/file';
      return {
        path: header.path,
        type: header.type === 'hardlink' ? 'file' : header.type,
        mode: header.mode.toString(8),
        owner: `${linked ? 0 : header.uid}:${header.gid}`,
        mtime: header.mtime,
        ...(header.type === 'file' ? { content: createHash('sha256').update(body).digest('hex') } : {}),
        ...(linked ? { content: createHash('sha256').update('hello').digest('hex') } : {}),
        ...(linked ? { xattrs: ['user.a\\075b%=0x', 'user.k=0x610a00ff'] } : {}),
        ...(header.type === 'hardlink' ? { hardLinkOf: 'd/file' } : {}),
        ...(header.type === 'symlink' ? { content: header.link } : {}),
        ...(header.device ? { content: `${header.device.major}:${header.device.minor}` } : {}),
      };
    });
    expect(tree).toEqual(expected.sort((a, b) => (a.path < b.path ? -1 : 1)));
  });

  it('Python reads the same headers', async () => {
    requires('tool:python3');
    using folder = tempFolder('writer');
    const archive = join(folder.path, 'a.tar');
    writeFileSync(archive, writeTar(everything));
    const script = `
import json, sys, tarfile
print(json.dumps([[m.name.encode('utf8', 'surrogateescape').decode('latin1'), m.type.decode(), m.mode, m.uid, m.gid, m.size, int(m.mtime), m.linkname.encode('utf8', 'surrogateescape').decode('latin1'), m.devmajor, m.devminor] for m in tarfile.open(sys.argv[1])]))`;
    const flags = {
      file: '0',
      hardlink: '1',
      symlink: '2',
      char: '3',
      block: '4',
      directory: '5',
      fifo: '6',
    };
    expect(JSON.parse(await runOk(['python3', '-c', script, archive]))).toEqual(
      everything.map(([h, body]) => [
        h.path === '' ? '.' : h.path,
        flags[h.type],
        h.mode,
        h.uid,
        h.gid,
        body?.length ?? 0,
        h.mtime,
        h.link ?? '',
        h.device?.major ?? 0,
        h.device?.minor ?? 0,
      ]),
    );
  });
});
