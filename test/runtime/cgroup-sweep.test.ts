import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCgroupMounts, v1Cgroups, v2Cgroups } from '../../src/runtime/cgroup/index.ts';
import { sweepCgroups } from '../../src/runtime/cgroup/sweep.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** The folder of one real hierarchy, and how a container's cgroup comes into being there. */
function hierarchy(): { readonly mount: string; readonly create: (id: string) => Disposable } {
  const { v1, v2 } = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
  const devices = v1['devices'];
  const mount = devices ?? v2 ?? '';
  const manager =
    devices === undefined ? v2Cgroups(mount, { devices: false }) : v1Cgroups({ devices, ...v1 });
  return {
    mount,
    create(id) {
      const cgroup = manager.create({ id }, { devices: [{ allow: false, access: 'rwm' }] });
      return { [Symbol.dispose]: () => cgroup.remove() };
    },
  };
}

const twoHoursAgo = (): number => Date.now() / 1000 - 7200;

describe('cgroups that killed builders left', () => {
  requires('root');

  it('are taken away with the next container, those still in use or young are not', async () => {
    const { mount, create } = hierarchy();
    const make = (name: string): string => {
      const path = join(mount, 'tsbuild', `sweep-${name}-${randomUUID()}`);
      mkdirSync(path, { recursive: true });
      return path;
    };
    const [left, young, busy] = [make('left'), make('young'), make('busy')];
    const child = spawn('sleep', ['1000']);
    writeFileSync(join(busy, 'cgroup.procs'), String(child.pid));
    for (const path of [left, busy]) utimesSync(path, twoHoursAgo(), twoHoursAgo());
    expect(statSync(left).mtimeMs).toBeLessThan(Date.now() - 7_000_000);
    try {
      using _ = create(`sweep-${randomUUID()}`);
      expect([left, young, busy].map((path) => existsSync(path))).toEqual([false, true, true]);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      for (const path of [young, busy]) rmdirSync(path);
    }
  });

  it('of one container go at once, wherever its parent is, unless something runs in them', async () => {
    const { mount } = hierarchy();
    const { v1, v2 } = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
    const manager = Object.keys(v1).length > 0 ? v1Cgroups(v1) : v2Cgroups(v2 ?? '', { devices: false });
    const parent = `sweep-${randomUUID()}`;
    const name = (id: string) => ({ id, path: `/${parent}/${id}` });
    const [left, busy] = ['left', 'busy'].map((id) => join(mount, parent, id)) as [string, string];
    for (const path of [left, busy]) mkdirSync(path, { recursive: true });
    const child = spawn('sleep', ['1000']);
    writeFileSync(join(busy, 'cgroup.procs'), String(child.pid));
    try {
      for (const id of ['left', 'busy', 'never']) manager.discard(name(id));
      expect([left, busy].map((path) => existsSync(path))).toEqual([false, true]);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      manager.discard(name('busy'));
      rmdirSync(join(mount, parent));
    }
  });

  it('no folder and no right to one are no failure', () => {
    using folder = tempFolder('sweep');
    sweepCgroups(join(folder.path, 'absent'));
    mkdirSync(join(folder.path, 'full/inside'), { recursive: true });
    utimesSync(join(folder.path, 'full'), twoHoursAgo(), twoHoursAgo());
    sweepCgroups(folder.path);
    expect(existsSync(join(folder.path, 'full/inside'))).toBe(true);
  });
});
