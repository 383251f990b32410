import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { MountConfig } from '../../src/oci/runtime-spec.ts';
import { busyboxHost, busyboxSpec, runBusybox, type BusyboxHost } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

/** A host folder with one file, named after its content. */
function folder(host: BusyboxHost, name: string): string {
  const path = join(host.folder, name);
  mkdirSync(join(path, 'sub'), { recursive: true });
  writeFileSync(join(path, `file-${name.replaceAll(/\W/g, '')}`), `${name}\n`);
  writeFileSync(join(path, 'sub/deep'), `${name}\n`);
  return path;
}

describe('mounts', () => {
  requires('root', 'overlay');

  it('R-12 come in their order, one inside the other', async () => {
    const host = busyboxHost();
    const mounts: MountConfig[] = [
      { destination: '/a', type: 'bind', source: folder(host, 'outer'), options: ['rbind', 'rw'] },
      { destination: '/a/sub', type: 'tmpfs', source: 'tmpfs', options: ['size=64k', 'mode=700'] },
      { destination: '/a/sub/new', type: 'bind', source: folder(host, 'inner'), options: ['rbind', 'ro'] },
    ];
    const { stdout } = await runBusybox(
      host,
      'ls /a /a/sub /a/sub/new; stat -c %a /a/sub; (touch /a/sub/new/x) 2>&1',
      { mounts },
    );
    expect(stdout).toBe(
      '/a:\nfile-outer\nsub\n\n/a/sub:\nnew\n\n/a/sub/new:\nfile-inner\nsub\n700\ntouch: /a/sub/new/x: Read-only file system\n',
    );
  });

  it('R-13 have the flags they were given', async () => {
    const host = busyboxHost();
    const mounts: MountConfig[] = [
      {
        destination: '/a',
        type: 'bind',
        source: folder(host, 'a'),
        options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec', 'noatime'],
      },
      { destination: '/b', type: 'tmpfs', source: 'tmpfs', options: ['nodev', 'strictatime', 'size=1m'] },
    ];
    const { stdout } = await runBusybox(
      host,
      'mount | grep -E " on /[ab] " | sed "s/.* on .\\(.\\) .*(/\\1 /"',
      { mounts },
    );
    expect(stdout).toMatch(/^a ro,nosuid,nodev,noexec,noatime/m);
    expect(stdout).toMatch(/^b rw,nodev,size=1024k/m);
  });

  it('rbind reaches the mounts below, rro makes them read-only, too', async () => {
    const host = busyboxHost();
    const mounts: MountConfig[] = [
      { destination: '/one', type: 'bind', source: '/dev', options: ['bind'] },
      { destination: '/all', type: 'bind', source: '/dev', options: ['rbind', 'rro'] },
    ];
    const { stdout } = await runBusybox(
      host,
      'ls /one/pts | wc -l; ls /all/pts | grep -c ptmx; (touch /all/shm/tsbuild-test) 2>&1',
      { mounts },
    );
    expect(stdout).toBe('0\n1\ntouch: /all/shm/tsbuild-test: Read-only file system\n');
  });

  it('S-30 an overlay of layers is mounted as a whole or in part, read-only', async () => {
    const host = busyboxHost();
    const lowers = [folder(host, 'upper:most,x'), folder(host, 'lowest')];
    const lowerdir = `lowerdir=${lowers.map((path) => path.replaceAll(':', '\\:')).join(':')}`;
    const mounts: MountConfig[] = [
      { destination: '/whole', type: 'overlay', source: 'overlay', options: [lowerdir, 'ro'] },
      { destination: '/part', type: 'overlay', source: 'overlay', options: [lowerdir, 'ro'] },
      { destination: '/file', type: 'overlay', source: 'overlay', options: [lowerdir, 'ro'] },
      {
        destination: '/single',
        type: 'overlay',
        source: 'overlay',
        options: [`lowerdir=${lowers[1] ?? ''}`],
      },
    ];
    const spec = { subpaths: { '/part': '/sub', '/file': 'sub/deep' } };
    const { stdout, created } = await runBusybox(
      host,
      'ls /whole /part /single; cat /file; (touch /whole/x) 2>&1; (touch /single/x) 2>&1',
      { mounts, spec },
    );
    expect(stdout).toBe(
      '/part:\ndeep\n\n/single:\nfile-lowest\nsub\n\n/whole:\nfile-lowest\nfile-uppermostx\nsub\nupper:most,x\n' +
        'touch: /whole/x: Read-only file system\ntouch: /single/x: Read-only file system\n',
    );
    expect(created.map(({ path }) => path).toSorted()).toEqual(['/file', '/part']);
  });

  it('R-48 a root of hundreds of layers, with names that would break an option string', async () => {
    const host = busyboxHost();
    const lowers = Array.from({ length: 300 }, (_, index) => {
      const path = join(host.folder, 'layers', `${'long-name-'.repeat(8)},:=\\${index}`);
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, `from-${index}`), '');
      return path;
    });
    const spec = busyboxSpec(host, 'ls / | grep -c from-');
    if (spec.rootfs.kind !== 'overlay') throw new Error('an overlay is wanted');
    const { overlay } = spec.rootfs;
    const rootfs = { ...spec.rootfs, overlay: { ...overlay, lowers: [...lowers, ...overlay.lowers] } };
    expect((await runBusybox(host, '', { spec: { ...spec, rootfs } })).stdout).toBe('300\n');
  });

  it('a bound root takes its changes itself', async () => {
    const host = busyboxHost();
    const rootfs = { kind: 'bind', path: host.layers.lower } as const;
    for (const name of ['proc', 'sys', 'dev']) mkdirSync(join(host.layers.lower, name));
    expect((await runBusybox(host, 'echo new > /new', { spec: { rootfs } })).code).toBe(0);
    expect(readFileSync(join(host.layers.lower, 'new'), 'latin1')).toBe('new\n');
  });

  it('S-34 the source itself may be a link of the caller’s', async () => {
    const host = busyboxHost();
    symlinkSync(folder(host, 'real'), join(host.folder, 'link'));
    const mounts = [
      { destination: '/mnt', type: 'bind', source: join(host.folder, 'link'), options: ['rbind'] },
    ];
    expect((await runBusybox(host, 'ls /mnt', { mounts })).stdout).toBe('file-real\nsub\n');
  });

  it('R-14 an existing network namespace is joined by its path', async () => {
    const host = busyboxHost();
    await using keeper = await host.runtime.create(busyboxSpec(host, 'sleep 1000'), { start: true });
    const path = `/proc/${keeper.pid}/ns/net`;
    const spec = busyboxSpec(host, 'readlink /proc/self/ns/net');
    const namespaces = spec.config.linux.namespaces.map((entry) =>
      entry.type === 'network' ? { type: entry.type, path } : entry,
    );
    const config = { ...spec.config, linux: { ...spec.config.linux, namespaces } };
    const theirs = await runBusybox(host, '', { spec: { config } });
    expect(theirs.stdout.trim()).toBe(readlinkSync(path));
  });
});
