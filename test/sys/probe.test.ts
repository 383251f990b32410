import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { addon } from '../../src/sys/addon.ts';
import {
  diskSpace,
  kernelCalls,
  kernelCallState,
  tryUserNamespace,
  type KernelCall,
} from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('what the kernel allows', () => {
  it('B-11 knows all calls that are needed, and makes none of them', () => {
    const names = Object.keys(kernelCalls) as KernelCall[];
    const there = names.filter((name) => kernelCallState(name) !== 'missing');
    expect(there).toEqual(names);
    const before = readdirSync('/proc/self/fd').length;
    for (const name of names) expect(addon().refusalOf(kernelCalls[name].number)).toBeLessThan(0);
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });

  it('refuses to try any other call', () => {
    // exit_group, reboot and kexec_load among them.
    for (const number of [0, 59, 60, 169, 231, 246, 433, 436, 438, -1, 2 ** 40])
      expect(addon().refusalOf(number)).toBe(-22);
  });

  it('tells the file system of a path, and its space', () => {
    expect(diskSpace('/proc/self').total).toBe(0);
    const { type, free, total } = diskSpace(tempFolder('disk').path);
    expect(type).toMatch(/^[a-z0-9]+$/);
    expect(free).toBeLessThanOrEqual(total);
    expect(() => diskSpace('/nowhere/at/all')).toThrow('ENOENT');
  });
});

describe('a user namespace', () => {
  requires('root', 'overlay');

  function workshop(): string {
    const folder = tempFolder('namespace').path;
    for (const name of ['lower', 'upper', 'work', 'merged', 'proc']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'lower', 'file'), '');
    return folder;
  }

  it('B-11 is really made, with all that builds do in one, and nothing of it stays', () => {
    const folder = workshop();
    const steps = tryUserNamespace(folder);
    expect(steps).toEqual({ create: null, map: null, overlay: null, proc: null, network: null });
    expect(readFileSync('/proc/self/mountinfo', 'latin1')).not.toContain(folder);
    expect(readdirSync(join(folder, 'merged'))).toEqual([]);
    // The whiteout of the file that was removed.
    expect(readdirSync(join(folder, 'upper'))).toEqual(['file']);
    chmodSync(join(folder, 'work', 'work'), 0o700);
  });

  it('tells which step fails, and goes on with the others', () => {
    const folder = workshop();
    const steps = tryUserNamespace(join(folder, 'lower'));
    expect(steps).toMatchObject({ create: null, map: null });
    expect(steps.overlay?.code).toBe('ENOENT');
    expect(steps.proc?.code).toBe('ENOENT');
    expect(steps.network).toBeNull();
    const nowhere = tryUserNamespace(join(folder, 'missing'));
    expect(nowhere.overlay?.code).toBe('ENOENT');
    expect(nowhere.proc).toBeUndefined();
  });

  it('can be tried often, with children of other kinds beside it', async () => {
    const folder = workshop();
    for (let round = 0; round < 20; round++)
      expect(tryUserNamespace(join(folder, 'lower')).create).toBeNull();
    const { runOk } = await import('../support/run-command.ts');
    expect(await runOk(['echo', 'still here'])).toBe('still here');
  });
});
