import { spawn, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildProgram } from '../support/cli.ts';
import { filesCli, type FilesCli } from '../support/files-container.ts';
import { interrupted } from '../support/interrupted.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('cp', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: FilesCli;
  beforeAll(async () => {
    cli = await filesCli();
    await cli.ended('stopped', 'mkdir -p /srv/d; echo in >/srv/d/f; echo one >/srv/one; ln -s d /srv/link');
    await cli.running('live', 'mkdir -p /srv/d; echo in >/srv/d/f; echo one >/srv/one; ln -s d /srv/link');
  });

  /** What a script says in the files of a container, as it is now. */
  async function look(name: string, script: string): Promise<string> {
    if (name === 'live') return cli.ok(['exec', 'live', 'sh', '-c', script]);
    await cli.ok(['commit', name, 'look:1']);
    return cli.ok(['run', '--rm', 'look:1', 'sh', '-c', script]);
  }

  describe.each(['stopped', 'live'])('C-72 with a container that is %s', (name) => {
    it('copies files and folders to this machine, owned by the user', async () => {
      const { path } = tempFolder('cp');
      await cli.ok(['cp', `${name}:/srv/one`, 'file'], { cwd: path });
      expect(readFileSync(join(path, 'file'), 'utf8')).toBe('one\n');
      await cli.ok(['cp', `${name}:/srv`, '.'], { cwd: path });
      expect(readdirSync(join(path, 'srv'))).toEqual(['d', 'link', 'one']);
      expect(readlinkSync(join(path, 'srv/link'))).toBe('d');
      await cli.ok(['cp', `${name}:srv/d/.`, '.'], { cwd: path });
      expect(readdirSync(path)).toEqual(['f', 'file', 'srv']);
      await cli.ok(['cp', '-L', `${name}:/srv/link`, '.'], { cwd: path });
      expect(readdirSync(join(path, 'link'))).toEqual(['f']);
    });

    it('copies files and folders into the container, owned by root, or with -a by their owner', async () => {
      const { path } = tempFolder('cp');
      mkdirSync(join(path, 'tree/sub'), { recursive: true });
      writeFileSync(join(path, 'tree/sub/a'), 'a');
      linkSync(join(path, 'tree/sub/a'), join(path, 'tree/sub/b'));
      symlinkSync('sub/a', join(path, 'tree/link'));
      await runOk(['chown', '-R', '7:8', join(path, 'tree')]);
      await runOk(['chmod', '4711', join(path, 'tree/sub/a')]);
      await cli.ok(['cp', 'tree', `${name}:/root`], { cwd: path });
      await cli.ok(['cp', '-a', 'tree', `${name}:/root/kept`], { cwd: path });
      const stat =
        'cd /root; stat -c "%n %a %u:%g %h" tree tree/sub/a tree/sub/b kept kept/sub/a; readlink tree/link';
      expect((await look(name, stat)).split('\n')).toEqual(
        [
          'tree 755 0:0',
          'tree/sub/a 4711 0:0 2',
          'tree/sub/b 4711 0:0 2',
          'kept 755 7:8',
          'kept/sub/a 4711 7:8 2',
          'sub/a',
        ].map((line) => expect.stringContaining(line) as unknown),
      );
    });

    it('copies tars through pipes both ways', async () => {
      const out = await cli.run(['cp', `${name}:/srv/d`, '-']);
      expect(await runOk(['tar', '-t'], { input: out.stdoutBytes })).toBe('d/\nd/f');
      await cli.ok(['cp', '-', `${name}:/var`], { input: out.stdoutBytes });
      expect(await look(name, 'cat /var/d/f')).toBe('in');
      const wrong = await cli.run(['cp', '-', `${name}:/srv/one`], { input: out.stdoutBytes });
      expect(wrong).toMatchObject({
        status: 4,
        stderr: `tsbuild: ${name}:/srv/one is no folder [COPY_FAILED]\n`,
      });
    });

    it('suggests a path of a near name, and leaves nothing behind', async () => {
      const { path } = tempFolder('cp');
      const wrong = await cli.run(['cp', `${name}:/srv/onne`, '.'], { cwd: path });
      expect(wrong.status).toBe(4);
      expect(wrong.stderr).toBe(
        `tsbuild: ${name}:/srv/onne does not exist [COPY_SOURCE_NOT_FOUND]\n  hint: did you mean /srv/one?\n`,
      );
      expect(readdirSync(path)).toEqual([]);
    });

    it.each(['/up', '/srv/../up', '/../../up', '/proc/self/root/up'])(
      'CVE-2019-14271 %s never leaves the container',
      async (inside) => {
        const { path } = tempFolder('cp');
        const outside = tempFolder('secret').path;
        writeFileSync(join(outside, 'secret'), 'of the host');
        writeFileSync(join(path, 'up'), `../../../../../../..${outside}/secret`);
        await cli.run(['cp', join(path, 'up'), `${name}:${inside}`]);
        await cli.run(['cp', '-L', `${name}:${inside}`, join(path, 'got')]);
        if (existsSync(join(path, 'got')))
          expect(readFileSync(join(path, 'got'), 'utf8')).not.toBe('of the host');
        expect(readdirSync(outside)).toEqual(['secret']);
      },
    );

    it('CVE-2018-15664 symlinks of the container lead nowhere on the host', async () => {
      const { path } = tempFolder('cp');
      const outside = tempFolder('outside').path;
      writeFileSync(join(outside, 'secret'), 'of the host');
      symlinkSync(outside, join(path, 'evil'));
      symlinkSync(`../../../../../../../..${outside}`, join(path, 'evil2'));
      await cli.ok(['cp', join(path, 'evil'), `${name}:/evil`]);
      await cli.ok(['cp', join(path, 'evil2'), `${name}:/evil2`]);
      writeFileSync(join(path, 'file'), 'mine');
      for (const evil of ['evil', 'evil2']) {
        for (const target of [
          `${name}:/${evil}`,
          `${name}:/${evil}/`,
          `${name}:/${evil}/file`,
          `${name}:/${evil}/sub/file`,
        ])
          await cli.run(['cp', join(path, 'file'), target]);
        const read = await cli.run(['cp', `${name}:/${evil}/secret`, join(path, 'got')]);
        expect(read.status).toBe(4);
      }
      expect(readdirSync(outside)).toEqual(['secret']);
      expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('of the host');
    });
  });

  it('CVE-2018-15664 a container that swaps a folder for a symlink meanwhile reaches nothing of the host', async () => {
    const outside = tempFolder('outside').path;
    const { path } = tempFolder('cp');
    mkdirSync(join(path, 'in'));
    for (let i = 0; i < 40; i++) writeFileSync(join(path, `in/f${i}`), 'mine');
    const swap = `mkdir -p /w/real ${outside}; ln -s ${outside} /w/link; (while :; do mv /w/real /w/t; mv /w/link /w/real; mv /w/real /w/link; mv /w/t /w/real; done 2>/dev/null) & :`;
    await cli.running('swaps', swap);
    for (let round = 0; round < 4; round++) {
      await cli.run(['cp', 'in/.', 'swaps:/w/real'], { cwd: path });
      await cli.run(['cp', 'swaps:/w', join(path, `out${round}`)]);
    }
    expect(readdirSync(outside)).toEqual([]);
    await cli.ok(['rm', '-f', 'swaps']);
  });

  it('C-72 nothing gets rights on the host by a copy without -a: no set-id bits, no devices', async () => {
    await cli.ended('rights', 'mkdir /d; touch /d/s; chown 7:8 /d/s; chmod 6755 /d/s; mknod /d/dev c 1 3');
    const { path } = tempFolder('cp');
    const copied = await cli.run(['cp', 'rights:/d', 'plain'], { cwd: path });
    expect(copied).toMatchObject({
      status: 0,
      stderr: 'warning: 1 device was not copied: --archive copies them, too\n',
    });
    expect(readdirSync(join(path, 'plain'))).toEqual(['s']);
    const plain = lstatSync(join(path, 'plain/s'));
    expect([plain.mode & 0o7777, plain.uid, plain.gid]).toEqual([0o755, 0, 0]);
    await cli.ok(['cp', '-a', 'rights:/d', 'kept'], { cwd: path });
    const kept = lstatSync(join(path, 'kept/s'));
    expect([kept.mode & 0o7777, kept.uid, kept.gid]).toEqual([0o6755, 7, 8]);
    expect(lstatSync(join(path, 'kept/dev')).isCharacterDevice()).toBe(true);
    expect((await cli.run(['cp', 'rights:/d/dev', 'dev'], { cwd: path })).stderr).toBe(
      'tsbuild: rights:/d/dev is a device [COPY_FAILED]\n  hint: --archive copies devices, too\n',
    );
  });

  it('C-72 sees the mounts of a container, running or not, and respects read-only ones', async () => {
    const { path } = tempFolder('cp');
    for (const folder of ['rw', 'ro']) mkdirSync(join(path, folder));
    writeFileSync(join(path, 'file'), 'new');
    const flags = ['-v', `${path}/rw:/rw`, '-v', `${path}/ro:/ro:ro`];
    await cli.running('mounted', 'echo there >/rw/there; ln -s rw/there /to-rw', ...flags);
    const check = async (): Promise<void> => {
      await cli.ok(['cp', 'file', 'mounted:/rw/copied'], { cwd: path });
      expect(readFileSync(join(path, 'rw/copied'), 'utf8')).toBe('new');
      await cli.ok(['cp', 'mounted:/rw/there', 'got'], { cwd: path });
      expect(readFileSync(join(path, 'got'), 'utf8')).toBe('there\n');
      expect(await cli.run(['cp', 'file', 'mounted:/ro/'], { cwd: path })).toMatchObject({
        status: 4,
        stderr: 'tsbuild: mounted:/ro/ is on a file system that is mounted read-only [COPY_FAILED]\n',
      });
      expect(readdirSync(join(path, 'ro'))).toEqual([]);
      await cli.ok(['cp', 'mounted:/rw', 'folder'], { cwd: path });
      expect(readdirSync(join(path, 'folder'))).toEqual(['copied', 'there']);
      mkdirSync(join(path, 'into'));
      await cli.ok(['cp', 'mounted:/rw', 'into'], { cwd: path });
      await cli.ok(['cp', 'mounted:/to-rw', 'into'], { cwd: path });
      await cli.ok(['cp', 'mounted:/etc/hostname', 'into'], { cwd: path });
      expect(readdirSync(join(path, 'into'))).toEqual(['hostname', 'rw', 'to-rw']);
      expect(readlinkSync(join(path, 'into/to-rw'))).toBe('rw/there');
      await cli.ok(['cp', '-L', 'mounted:/to-rw', 'got'], { cwd: path });
      await runOk(['rm', '-r', 'into', 'folder'], { cwd: path });
    };
    await check();
    // Taking away the name that a mount is on would take the mount away from the container.
    const stream = await cli.run(['cp', 'mounted:/etc/hosts', '-'], { cwd: path });
    for (const args of [
      ['file', 'mounted:/etc/hosts'],
      ['-', 'mounted:/etc'],
    ]) {
      const { status, stderr } = await cli.run(['cp', ...args], { cwd: path, input: stream.stdoutBytes });
      expect(status).toBe(4);
      expect(stderr).toBe(
        'tsbuild: /etc/hosts is a mount of its own, which cannot be replaced [COPY_FAILED]\n',
      );
    }
    expect(await cli.ok(['exec', 'mounted', 'sh', '-c', 'grep -c " /etc/hosts " /proc/mounts'])).toBe('1');
    expect(await cli.ok(['diff', 'mounted'])).toBe('A /to-rw');
    await cli.ok(['kill', 'mounted']);
    await cli.ok(['wait', 'mounted']);
    await runOk(['rm', join(path, 'rw/copied'), join(path, 'got')]);
    await check();
    expect((await cli.run(['cp', 'file', 'mounted:/proc/x'], { cwd: path })).stderr).toContain(
      '[CONTAINER_STATE]',
    );
  });

  it('C-72 a read-only root file system takes nothing, whether its container runs or not', async () => {
    const { path } = tempFolder('cp');
    writeFileSync(join(path, 'file'), 'new');
    await cli.running('fixed', ':', '--read-only');
    expect((await cli.run(['cp', 'file', 'fixed:/file'], { cwd: path })).stderr).toContain('read-only');
    await cli.ok(['kill', 'fixed']);
    await cli.ok(['wait', 'fixed']);
    expect((await cli.run(['cp', 'file', 'fixed:/file'], { cwd: path })).stderr).toContain('read-only');
  });

  it('C-72 a container that was written to while it stood still runs', async () => {
    const { path } = tempFolder('cp');
    writeFileSync(join(path, 'file'), 'put there');
    await cli.ok(['run', '--name', 'again', 'busybox:1', 'sh', '-c', 'cat /file || echo none']);
    await cli.ok(['cp', 'file', 'again:/file'], { cwd: path });
    expect(await cli.ok(['start', '-a', 'again'])).toBe('put there');
  });

  it('C-72 Ctrl-C leaves no half file', async () => {
    await cli.ended('large', 'dd if=/dev/zero of=/large bs=1M count=300 2>/dev/null');
    const { path } = tempFolder('cp', { remove: true });
    const start = (): ChildProcess => {
      writeFileSync(join(path, 'large'), 'old');
      return spawn(tsbuildProgram, ['--root', cli.root, 'cp', 'large:/large', 'large'], { cwd: path });
    };
    expect(await interrupted(start, () => readdirSync(path).length > 1)).toEqual([130, null]);
    expect(readdirSync(path)).toEqual(['large']);
    expect(readFileSync(join(path, 'large'), 'utf8')).toBe('old');
  });

  it('C-72 never replaces a device of this machine', async () => {
    const { path } = tempFolder('cp');
    await runOk(['mknod', join(path, 'null'), 'c', '1', '3']);
    const refused = await cli.run(['cp', 'live:/srv/one', 'null'], { cwd: path });
    expect(refused.stderr).toBe(
      'tsbuild: null is no regular file, and is not replaced by one [COPY_FAILED]\n',
    );
    expect(lstatSync(join(path, 'null')).isCharacterDevice()).toBe(true);
  });

  it.each([
    ['a', 'b', 'neither source nor destination is in a container'],
    ['-', 'b', 'neither source nor destination is in a container'],
    ['live:/a', 'stopped:/b', 'files are not copied from one container to another'],
    [':/a', 'b', ':/a lacks the name of a container'],
    ['live:', 'b', 'live: lacks a path'],
    ['', 'live:/b', 'a source or destination is empty'],
    ['./a:b', 'c', 'neither source nor destination is in a container'],
  ])('C-72 cp %j %j is a mistake', async (from, to, message) => {
    const result = await cli.run(['cp', from, to]);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(`tsbuild: ${message} [USAGE]`);
  });
});
