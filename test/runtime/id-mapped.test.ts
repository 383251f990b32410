import { chownSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMountFlag, parseVolumeFlag } from '../../src/ops/index.ts';
import { busyboxHost, runBusybox } from '../support/busybox-container.ts';
import { requires } from '../support/requires.ts';

describe('mounts with other owners', () => {
  const one = (containerID: number, hostID: number, size: number): object => ({ containerID, hostID, size });
  const all = [one(0, 0, 0xffff_ffff)];

  it.each([
    ['uids=0-5-1', { uids: [one(0, 5, 1)], gids: all }],
    ['gids=@1-2-3', { uids: all, gids: [one(1, 2, 3)] }],
    ['uids=0-1-2#7-8-9;gids=0-0-1', { uids: [one(0, 1, 2), one(7, 8, 9)], gids: [one(0, 0, 1)] }],
  ])('R-73 idmap=%s', (text, idMap) => {
    expect(parseVolumeFlag(`/src:/dst:ro,idmap=${text}`)).toMatchObject({
      kind: 'bind',
      readOnly: true,
      idMap,
    });
    expect(parseMountFlag(`type=bind,src=/src,dst=/dst,idmap=${text}`)).toMatchObject({ idMap });
  });

  it.each([
    '',
    'uids=',
    'uids=1-2',
    'uids=0-0-0',
    'uids=0-4294967295-1',
    'ids=0-0-1',
    'uids=0-0-1;uids=1-1-1',
  ])('R-73 idmap=%j makes no sense', (text) => {
    expect(() => parseVolumeFlag(`/src:/dst:idmap=${text}`)).toThrow(/invalid value/);
  });

  it('R-73 a named volume has its own files', () => {
    expect(() => parseVolumeFlag('data:/dst:idmap=uids=0-1-1')).toThrow(/invalid value/);
  });

  it('R-73 the container sees mapped owners, and what it makes has the others on the disk', async () => {
    requires('root', 'overlay', 'tool:busybox');
    const host = busyboxHost();
    const source = join(host.folder, 'shared');
    mkdirSync(source);
    writeFileSync(join(source, 'a'), '');
    for (const path of [source, join(source, 'a')]) chownSync(path, 1000, 1001);
    const mapping = (from: number, to: number) => ({ containerID: from, hostID: to, size: 1 });
    const mount = {
      ...{ destination: '/m', type: 'bind', source, options: ['rbind', 'idmap'] },
      ...{ uidMappings: [mapping(1000, 0), mapping(0, 70_000)], gidMappings: [mapping(1001, 0)] },
    };
    const plain = { destination: '/plain', type: 'bind', source, options: ['rbind'] };
    const script = 'stat -c "%u %g" /m/a /plain/a; echo made > /m/b; stat -c "%u %g" /m/b';
    const { stdout } = await runBusybox(host, script, { mounts: [plain, mount] });
    expect(stdout.split('\n')).toEqual(['0 0', '1000 1001', '0 0', '']);
    const { uid, gid } = lstatSync(join(source, 'b'));
    expect([uid, gid]).toEqual([1000, 1001]);
  });

  it('R-73 a file system that has no maps is told of', async () => {
    requires('root', 'overlay', 'tool:busybox');
    const uidMappings = [{ containerID: 0, hostID: 1, size: 1 }];
    const mount = {
      destination: '/m',
      type: 'bind',
      source: '/proc/sys',
      options: ['bind'],
      uidMappings,
      gidMappings: uidMappings,
    };
    await expect(runBusybox(busyboxHost(), 'true', { mounts: [mount] })).rejects.toMatchObject({
      code: 'HOST_UNSUPPORTED',
      message: expect.stringContaining('the owners of /proc/sys cannot be mapped') as string,
    });
  });

  it('R-73 a map that the kernel refuses is told of, and holds nobody up', async () => {
    requires('root', 'overlay', 'tool:busybox');
    const host = busyboxHost();
    const one = { containerID: 0, hostID: 1, size: 2 };
    const mount = {
      ...{ destination: '/m', type: 'bind', source: host.folder, options: ['bind', 'idmap'] },
      ...{ uidMappings: [one, { containerID: 1, hostID: 9, size: 1 }], gidMappings: [one] },
    };
    await expect(runBusybox(host, 'true', { mounts: [mount] })).rejects.toMatchObject({
      code: 'HOST_UNSUPPORTED',
      message: expect.stringContaining('refuses a map of owners') as string,
    });
  });
});
