import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { MountConfig } from '../../src/oci/runtime-spec.ts';
import { busyboxHost, runBusybox, type BusyboxHost, type SpecChanges } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

/** A folder of the host that no container may reach, with one file. */
function outside(host: BusyboxHost): string {
  const path = join(host.folder, 'outside');
  mkdirSync(path);
  writeFileSync(join(path, 'precious'), 'precious\n');
  return path;
}

function expectUntouched(path: string): void {
  expect(readdirSync(path)).toEqual(['precious']);
  expect(readFileSync(join(path, 'precious'), 'latin1')).toBe('precious\n');
}

function fileMount(host: BusyboxHost, destination: string): MountConfig {
  const source = join(host.folder, 'given');
  writeFileSync(source, 'given\n');
  return { destination, type: 'bind', source, options: ['rbind', 'ro', 'nosuid', 'nodev', 'noexec'] };
}

describe('a hostile root file system', () => {
  requires('root', 'overlay');

  it('S-07 /dev as a link to the host: nothing is made there', async () => {
    const host = busyboxHost();
    const path = outside(host);
    symlinkSync(path, join(host.layers.lower, 'dev'));
    await expect(runBusybox(host, 'true')).rejects.toMatchObject({
      code: 'RUNTIME_SETUP',
      message: expect.stringMatching(/\/dev.*ELOOP/) as string,
    });
    expectUntouched(path);
  });

  it.each(['proc', 'sys'])('S-03 /%s as a link is refused', async (name) => {
    const host = busyboxHost();
    symlinkSync('/tmp', join(host.layers.lower, name));
    await expect(runBusybox(host, 'true')).rejects.toMatchObject({ code: 'RUNTIME_SETUP' });
  });

  it('S-03 /proc as a file is refused', async () => {
    const host = busyboxHost();
    writeFileSync(join(host.layers.lower, 'proc'), 'fake');
    await expect(runBusybox(host, 'true')).rejects.toMatchObject({ code: 'RUNTIME_SETUP' });
  });

  it('S-20 S-08 /etc/resolv.conf as an absolute link: mounted inside, over its target there', async () => {
    const host = busyboxHost();
    const path = outside(host);
    const target = join(path, 'resolv.conf');
    symlinkSync(target, join(host.layers.lower, 'etc/resolv.conf'));
    const result = await runBusybox(host, 'cat /etc/resolv.conf', {
      mounts: [fileMount(host, '/etc/resolv.conf')],
    });
    expect(result.stdout).toBe('given\n');
    expectUntouched(path);
    // The dangling target came into being inside, and the caller is told, outermost first.
    const made = result.created.map((point) => point.path);
    expect(made.at(-1)).toBe(target);
    // And runContainer has taken it away again, parents and all; /tmp was the image's.
    expect(readdirSync(host.layers.upper, { recursive: true })).toEqual(['tmp']);
  });

  it('S-08 CVE-2021-30465 links and .. in the way of a mount point stay inside', async () => {
    const host = busyboxHost();
    const path = outside(host);
    symlinkSync('../../../../../../../..' + path, join(host.layers.lower, 'away'));
    const mounts = [fileMount(host, '/away/deep/file'), fileMount(host, '/tmp/../../../../x/y')];
    const { stdout } = await runBusybox(host, `cat /away/deep/file ${path}/deep/file /x/y`, { mounts });
    expect(stdout).toBe('given\ngiven\ngiven\n');
    expectUntouched(path);
  });

  it('S-08 a loop of links ends in an error', async () => {
    const host = busyboxHost();
    symlinkSync('/b', join(host.layers.lower, 'a'));
    symlinkSync('/a', join(host.layers.lower, 'b'));
    await expect(runBusybox(host, 'true', { mounts: [fileMount(host, '/a/file')] })).rejects.toMatchObject({
      code: 'RUNTIME_SETUP',
      message: expect.stringContaining('ELOOP') as string,
    });
  });

  const magic = ['/proc/self/fd/3', '/proc/self/root', '/proc/1/cwd', '/proc/self/fd/3/../..'];
  it.each(magic)('S-02 CVE-2024-21626 a working directory of %s does not lead out', async (cwd) => {
    const host = busyboxHost();
    symlinkSync(cwd, join(host.layers.lower, 'way-out'));
    await expect(runBusybox(host, 'ls', { cwd: '/way-out' })).rejects.toMatchObject({
      code: 'RUNTIME_SETUP',
    });
  });

  it('S-02 a program path through a descriptor of the launcher finds none', async () => {
    const host = busyboxHost();
    for (let fd = 3; fd < 20; fd++) {
      await expect(runBusybox(host, [`/proc/self/fd/${fd}/bin/sh`])).rejects.toMatchObject({
        code: expect.stringMatching(/^COMMAND_NOT_/) as string,
      });
    }
  });

  it('S-30 S-34 a sub-path is resolved inside its source', async () => {
    const host = busyboxHost();
    const path = outside(host);
    const source = join(host.folder, 'cache');
    mkdirSync(join(source, 'inner'), { recursive: true });
    writeFileSync(join(source, 'inner/file'), 'inner\n');
    symlinkSync(path, join(source, 'absolute'));
    symlinkSync('../../../../../../..', join(source, 'upwards'));
    const mounts = [{ destination: '/mnt', type: 'bind', source, options: ['rbind', 'rw'] }];
    const at = (subpath: string): SpecChanges => ({ mounts, spec: { subpaths: { '/mnt': subpath } } });
    expect((await runBusybox(host, 'cat /mnt/file', at('inner'))).stdout).toBe('inner\n');
    expect((await runBusybox(host, 'cat /mnt', at('inner/file'))).stdout).toBe('inner\n');
    expect((await runBusybox(host, 'ls /mnt', at('upwards'))).stdout).toBe('absolute\ninner\nupwards\n');
    await expect(runBusybox(host, 'ls /mnt', at('absolute'))).rejects.toMatchObject({
      code: 'RUNTIME_SETUP',
    });
  });

  it('S-06 /dev/console of the image is not written through', async () => {
    const host = busyboxHost();
    const path = outside(host);
    mkdirSync(join(host.layers.lower, 'dev'));
    symlinkSync(join(path, 'precious'), join(host.layers.lower, 'dev/console'));
    await runBusybox(host, 'true');
    expectUntouched(path);
  });

  it('R-49 S-31 a point made in an opaque place goes again, and its parent gets its time back', async () => {
    const host = busyboxHost();
    // A link of the image on the way: the stub for /link/point is at another place than the mount.
    mkdirSync(join(host.layers.lower, 'real'));
    utimesSync(join(host.layers.lower, 'real'), 1000, 1000);
    symlinkSync('real', join(host.layers.lower, 'link'));
    const mounts = [fileMount(host, '/link/point')];
    const result = await runBusybox(host, 'cat /real/point', { mounts });
    expect(result.stdout).toBe('given\n');
    expect(result.created.map(({ path }) => path)).toEqual(['/real/point']);
    expect(readdirSync(host.layers.upper, { recursive: true })).toEqual(['real']);
    expect(statSync(join(host.layers.upper, 'real')).mtimeMs).toBe(1_000_000);
    const changed = await runBusybox(host, 'sleep 0.1; touch /real/own', { mounts });
    expect(changed.created.length).toBe(1);
    expect(readdirSync(join(host.layers.upper, 'real'))).toEqual(['own']);
    expect(statSync(join(host.layers.upper, 'real')).mtimeMs).toBeGreaterThan(1_000_000);
  });

  it('S-31 a point that the program made its own stays', async () => {
    const host = busyboxHost();
    mkdirSync(join(host.layers.lower, 'real'));
    symlinkSync('real', join(host.layers.lower, 'link'));
    const source = join(host.folder, 'source');
    mkdirSync(source);
    const mounts = [{ destination: '/link/point', type: 'bind', source, options: ['rbind'] }];
    const names = ['CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE'];
    const command = 'umount /real/point && rmdir /real/point && ln -s /etc /real/point';
    const { code } = await runBusybox(host, command, { mounts, capabilities: names, seccomp: 'unconfined' });
    expect(code).toBe(0);
    expect(readlinkSync(join(host.layers.upper, 'real/point'))).toBe('/etc');
  });

  it('R-49 S-31 stubs never show in the upper, not even their parents', async () => {
    const host = busyboxHost();
    rmSync(join(host.layers.lower, 'etc'), { recursive: true });
    const mounts = ['/etc/resolv.conf', '/run/secrets/token', '/a/b/c/d'].map((path) =>
      fileMount(host, path),
    );
    const result = await runBusybox(host, 'cat /etc/resolv.conf /run/secrets/token /a/b/c/d', { mounts });
    expect(result.stdout).toBe('given\ngiven\ngiven\n');
    expect(result.created).toEqual([]);
    expect(readdirSync(host.layers.upper)).toEqual([]);
  });
});
