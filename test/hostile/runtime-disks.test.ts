import { describe, expect, it } from 'vitest';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxHost, runBusybox } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

/** A program that is root makes a node for a disk of the host and reads it. */
describe('a disk of the host', () => {
  requires('root', 'overlay');

  // With cgroups the device rules hold, without them the mounts must: a node opens nowhere.
  it.each(['auto', 'none'] as const)(
    'S-16 R-25 opens nowhere in the container (cgroups: %s)',
    async (cgroups) => {
      const host = busyboxHost(cgroups);
      const source = join(host.folder, 'volume');
      mkdirSync(source);
      const mounts = [
        { destination: '/volume', type: 'bind', source, options: ['rbind', 'rw', 'dev'] },
        { destination: '/memory', type: 'tmpfs', source: 'tmpfs', options: ['dev'] },
      ];
      const places = '/ /tmp /dev /dev/shm /volume /memory';
      const { stdout } = await runBusybox(
        host,
        `for at in ${places}; do mknod $at/disk b 7 0 && (head -c 1 $at/disk) 2>&1 && echo opened $at; done`,
        { mounts },
      );
      const lines = stdout.trim().split('\n');
      expect(lines).toHaveLength(6);
      for (const line of lines) expect(line).toMatch(/(Permission denied|Operation not permitted)$/);
    },
  );

  it('R-24 without cgroups the default devices are there, and others are refused', async () => {
    const host = busyboxHost('none');
    const { stdout, code } = await runBusybox(
      host,
      'echo x > /dev/null && head -c 2 /dev/zero | wc -c && head -c 3 /dev/urandom | wc -c && ls /dev | wc -w',
    );
    expect([code, stdout]).toEqual([0, '2\n3\n15\n']);
    const device = {
      path: '/dev/loop0',
      type: 'b',
      major: 7,
      minor: 0,
      fileMode: 0o660,
      uid: 0,
      gid: 0,
    } as const;
    await expect(
      runBusybox(host, 'true', { devices: [{ node: device, access: 'rwm' }] as never }),
    ).rejects.toMatchObject({ code: 'HOST_UNSUPPORTED' });
  });
});
