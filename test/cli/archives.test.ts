import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { busyboxTar } from '../support/busybox.ts';
import { tsbuild, tsbuildProgram, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { interrupted } from '../support/interrupted.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const compressors = { gz: 'gzip', xz: 'xz', zst: 'zstd', bz2: 'bzip2' } as const;

describe('archives', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  let id = '';
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    const dockerfile = 'FROM busybox:1\nRUN echo saved > /file\n';
    id = await cli.ok(['build', '-q', '-t', 'app:1', makeContext({ Dockerfile: dockerfile })]);
    await cli.ok(['tag', 'app:1', 'localhost:5000/app:also']);
  });

  /** What a store made of an archive holds. */
  async function loaded(
    argv: readonly string[],
    input?: Buffer,
  ): Promise<{ readonly cli: Tsbuild; readonly stdout: string }> {
    const other = tsbuild();
    const stdout = await other.ok(['load', ...argv], input === undefined ? {} : { input });
    expect(await other.ok(['run', '--rm', id, 'cat', '/file'])).toBe('saved');
    return { cli: other, stdout };
  }

  it.each(['docker', 'oci'])('C-73 save --format %s, load -i and standard input', async (format) => {
    const { path } = tempFolder('archive');
    const file = join(path, 'app.tar');
    await cli.ok(['save', '--format', format, '-o', file, 'app:1']);
    expect(readdirSync(path)).toEqual(['app.tar']);
    const names = (await runOk(['tar', '-tf', file])).split('\n');
    expect(names).toContain(format === 'docker' ? 'manifest.json' : 'oci-layout');
    expect((await loaded(['-i', file])).stdout).toBe('Loaded image: app:1');
    expect((await loaded([], readFileSync(file))).stdout).toBe('Loaded image: app:1');
    expect((await loaded(['--quiet', '--input', file])).stdout).toBe('');
    const piped = await cli.run(['save', '--format', format, 'app:1']);
    expect(piped.stdoutBytes.equals(readFileSync(file))).toBe(true);
  });

  it.each(Object.entries(compressors))('C-73 load and import take .%s', async (suffix, program) => {
    requires(`tool:${program}`);
    const { path } = tempFolder('compressed');
    const file = join(path, 'app.tar');
    await cli.ok(['save', '-o', file, 'app:1']);
    await runOk([program, '-k', file]);
    // One of them as a file: what is in it is told apart in the same way.
    if (suffix === 'zst') await loaded(['-i', `${file}.${suffix}`]);
    else await loaded([], readFileSync(`${file}.${suffix}`));
    const tar = join(path, 'root.tar');
    await runOk(['sh', '-c', `${program} -c < "$0" > "$1"`, await busyboxTar(), tar]);
    await cli.ok(['import', tar, `imported:${suffix}`]);
    expect(await cli.ok(['run', '--rm', `imported:${suffix}`, 'echo', 'hi'])).toBe('hi');
  });

  it('C-73 several images and names go into one archive; an image by id has no name in it', async () => {
    const { path } = tempFolder('several');
    const file = join(path, 'all.tar');
    await cli.ok(['save', '-o', file, 'busybox:1', 'app:1', 'localhost:5000/app:also']);
    const { stdout } = await loaded(['-i', file]);
    expect(stdout.split('\n').sort()).toEqual([
      ...['Loaded image: app:1', 'Loaded image: busybox:1', 'Loaded image: localhost:5000/app:also'],
    ]);
    await cli.ok(['save', '-o', file, id]);
    expect((await loaded(['-i', file])).stdout).toBe(`Loaded image ID: ${id}`);
  });

  it('C-73 save of an unknown name touches no file', async () => {
    const { path } = tempFolder('untouched');
    const file = join(path, 'app.tar');
    writeFileSync(file, 'of before');
    symlinkSync('app.tar', join(path, 'link'));
    for (const output of [file, join(path, 'link'), join(path, 'new')]) {
      const { status, stderr } = await cli.run(['save', '-o', output, 'app:1', 'nope']);
      expect(status).toBe(1);
      expect(stderr).toContain('no such image: nope [IMAGE_NOT_FOUND]');
    }
    expect(readdirSync(path).sort()).toEqual(['app.tar', 'link']);
    expect(readFileSync(file, 'utf8')).toBe('of before');
    const nowhere = await cli.run(['save', '-o', join(path, 'no/such/file'), 'app:1']);
    expect(nowhere).toMatchObject({ status: 7 });
    expect(nowhere.stderr).toContain(`cannot write ${join(path, 'no/such/file')}`);
  });

  it('C-73 save writes to devices, pipes and links as they are', async () => {
    const { path } = tempFolder('special');
    await cli.ok(['save', '-o', '/dev/null', 'app:1']);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
    writeFileSync(join(path, 'target'), '');
    symlinkSync('target', join(path, 'link'));
    await cli.ok(['save', '-o', join(path, 'link'), 'app:1']);
    expect(lstatSync(join(path, 'link')).isSymbolicLink()).toBe(true);
    expect(statSync(join(path, 'target')).size).toBeGreaterThan(1_000_000);
    const count = '"$0" --root "$1" save -o /dev/stdout app:1 | wc -c';
    const bytes = await runOk(['sh', '-c', count, tsbuildProgram, cli.root]);
    expect(Number(bytes)).toBe(statSync(join(path, 'target')).size);
  });

  it('C-73 an interrupted save leaves no file, and an earlier one as it was', async () => {
    const { path } = tempFolder('interrupted');
    const big = makeContext({
      Dockerfile: 'FROM busybox:1\nCOPY big /\n',
      big: Buffer.alloc(200_000_000, 'x'),
    });
    await cli.ok(['build', '-t', 'big', big]);
    const file = join(path, 'big.tar');
    const start = (): ChildProcess => {
      writeFileSync(file, 'of before');
      return cli.start(['save', '-o', file, 'big']);
    };
    expect(await interrupted(start, () => readdirSync(path).length > 1)).toEqual([130, null]);
    expect(readdirSync(path)).toEqual(['big.tar']);
    expect(readFileSync(file, 'utf8')).toBe('of before');
    await cli.ok(['rmi', 'big']);
  });

  it('C-73 save ends quietly when nobody reads on', async () => {
    const command = '"$0" --root "$1" save app:1 | head -c 100 | wc -c; echo ${PIPESTATUS[0]}';
    const { stdout, stderr } = await runCommand(['bash', '-c', command, tsbuildProgram, cli.root]);
    expect(stdout).toBe('100\n141\n');
    expect(stderr).toBe('');
  });

  it('C-73 import names an image, says what it was told, and needs no name', async () => {
    const other = tsbuild();
    const tar = await busyboxTar();
    const first = await other.ok(['import', '-m', 'from a tar', tar, 'named:1']);
    expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await other.ok(['history', 'named:1'])).toContain('from a tar');
    const second = await other.ok(['import', '-'], { input: readFileSync(tar) });
    expect(second).not.toBe(first);
    expect(await other.ok(['images'])).toMatch(/^<none> +<none> /m);
    expect(await other.run(['import', tar, 'Bad'])).toMatchObject({ status: 2, stdout: '' });
  });

  it.each([
    ['a file that is not there', 'nope', /cannot read the archive .*nope: ENOENT.*\[USAGE\]/],
    ['a folder', 'folder', /cannot read the archive .*folder: it is a folder \[USAGE\]/],
    ['text', 'text', /\[ARCHIVE_INVALID\]/],
    ['an empty file', 'empty', /\[ARCHIVE_INVALID\]/],
    ['noise that calls itself gzip', 'noise.gz', /\[ARCHIVE_INVALID\]/],
  ])('C-73 load and import of %s fail and leave nothing', async (_, name, wanted) => {
    const { path } = tempFolder('wrong');
    mkdirSync(join(path, 'folder'));
    writeFileSync(join(path, 'text'), 'hello '.repeat(1000));
    writeFileSync(join(path, 'empty'), '');
    writeFileSync(
      join(path, 'noise.gz'),
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(2000, 7)]),
    );
    const other = tsbuild();
    for (const argv of [
      ['load', '-i', join(path, name)],
      ['import', join(path, name), 'x'],
    ]) {
      // An empty tar is a root file system without files.
      if (argv[0] === 'import' && name === 'empty') continue;
      const { status, stdout, stderr } = await other.run(argv);
      expect(status, argv[0]).toBe(wanted.source.includes('USAGE') ? 2 : 1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(wanted);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
    expect(await other.ok(['images', '-q'])).toBe('');
  });

  it('C-73 load of a root file system points to import, and of the wrong kind says so', async () => {
    const { status, stderr } = await tsbuild().run(['load', '-i', await busyboxTar()]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/\[ARCHIVE_INVALID\]\n {2}hint: .*import/);
    expect(await cli.run(['save', '--format', 'zip', 'app:1'])).toMatchObject({ status: 2, stdout: '' });
  });

  it('an archive that may not be written over is told, with the file as it was', async () => {
    const { path } = tempFolder('readonly');
    chmodSync(path, 0o555);
    const argv = [
      'setpriv',
      '--bounding-set=-dac_override,-dac_read_search,-fowner',
      '--reuid=1',
      '--clear-groups',
    ];
    const { status, stderr } = await runCommand([
      ...argv,
      tsbuildProgram,
      '--root',
      cli.root,
      'save',
      '-o',
      join(path, 'x'),
      'app:1',
    ]);
    expect(status, stderr).not.toBe(0);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(existsSync(join(path, 'x'))).toBe(false);
  });
});
