import { statSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { busyboxHost, runBusybox } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

/** What a root of a container may try against the host. */
describe('a hostile program in a container', () => {
  requires('root', 'overlay');

  it('S-05 S-16 changes nothing of the host’s null device through a masked path', async () => {
    const before = statSync('/dev/null');
    const { stdout } = await runBusybox(
      busyboxHost(),
      'for f in /proc/timer_list /proc/keys; do chmod 600 $f; chown 5:5 $f; touch -d @1 $f; done 2>&1; cat /proc/keys; (echo x > /proc/keys) 2>&1',
    );
    const after = statSync('/dev/null');
    expect([after.mode, after.uid, after.gid, after.mtimeMs]).toEqual([
      before.mode,
      before.uid,
      before.gid,
      before.mtimeMs,
    ]);
    expect(stdout.match(/Read-only file system/g)?.length).toBe(6);
  });

  it('S-05 S-16 changes nothing of the host’s null device through its own input', async () => {
    const before = statSync('/dev/null');
    const { stdout } = await runBusybox(
      busyboxHost(),
      'chmod 640 /proc/self/fd/0 && stat -L -c %a /proc/self/fd/0',
    );
    const after = statSync('/dev/null');
    expect([after.mode, after.mtimeMs]).toEqual([before.mode, before.mtimeMs]);
    expect(stdout).toBe('640\n');
  });

  it('S-16 R-25 opens no disk where no cgroup can forbid it, neither by a node of its own nor by the image’s', async () => {
    const { rdev } = statSync('/dev/vda', { throwIfNoEntry: false }) ?? statSync('/dev/loop0');
    const node = ['b', String(rdev >> 8), String(rdev & 0xff)] as const;
    const host = busyboxHost('none');
    spawnSync('mknod', [join(host.layers.lower, 'shipped'), ...node]);
    const { stdout } = await runBusybox(
      host,
      `mknod /made ${node.join(' ')} && echo made; for disk in /made /shipped; do (head -c 1 $disk) 2>&1; done; echo x > /dev/null && echo null`,
    );
    expect(stdout).toBe('made\nhead: /made: Permission denied\nhead: /shipped: Permission denied\nnull\n');
  });

  it('S-52 O-36 forges no removal: overlay makes its mark, a device 0:0, for nobody', async () => {
    const host = busyboxHost();
    const { stdout } = await runBusybox(
      host,
      'mknod /w c 0 0 2>&1; mknod /dev/shm/w c 0 0 && mv /dev/shm/w /w 2>&1; ls /w 2>&1',
    );
    expect(stdout).toContain('mknod: /w: Operation not permitted');
    expect(stdout).toContain('ls: /w: No such file or directory');
  });
});
