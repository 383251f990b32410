import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { tryFlock } from '../../src/sys/index.ts';
import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { rehearse, type Rehearsed } from '../support/disturbed.ts';
import { emptied, faceOf, faultEnvironment, faultWorld, type FaultWorld } from '../support/fault-world.ts';
import { faultsOf, runCopying, type Fault } from '../support/faults.ts';
import { afterReboot, losePower, unsyncedFates, type UnsyncedFate } from '../support/power-loss.ts';
import { stepOutcomes } from '../support/progress-lines.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { numbersFrom, soak } from '../support/series.ts';

describe('a power loss', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:cc', 'tool:unshare');
  let world: FaultWorld;
  let build: Rehearsed;
  let rebooted: Tsbuild;
  const env = { ...process.env, ...faultEnvironment };
  const next = numbersFrom(inject('seed'));
  const oneOf = <T>(list: readonly T[]): T => list[next(list.length)] as T;

  /** The store has an image that is called `app:1`; a second build makes another one of it. */
  beforeAll(async () => {
    world = await faultWorld();
    const prepare = async (): Promise<void> => {
      world.setFile('before');
      await world.cli.ok(world.build, { env });
      await world.cli.ok(['tag', 'app:1', 'before:1']);
      world.setFile();
    };
    build = await rehearse(world, { args: world.build, prepare });
    rebooted = tsbuild(world.cli.root, afterReboot(world.folder));
  });

  /** Builds, to the end or to where it is killed, and takes from the store what was not synced by then. */
  async function lost(fault: Fault | undefined): Promise<object> {
    await world.restore();
    const folder = emptied(join(world.folder, 'synced'));
    const run = { args: world.build, env: faultEnvironment };
    const { status, stderr, files } = await runCopying(world.cli, run, { synced: folder, fault });
    expect({ status, stderr }).toMatchObject({ status: fault === undefined ? 0 : 137 });
    const copied = join(folder, 'root');
    const synced = existsSync(copied) ? copied : join(world.folder, 'saved');
    const loss = { seed: next(2 ** 31), fate: oneOf([undefined, undefined, ...unsyncedFates]) };
    const choices = await losePower({ root: world.cli.root, synced, files, ...loss });
    // Killed at its first call, it has written nothing.
    if (fault === undefined) expect(choices).toBeGreaterThan(0);
    return { call: fault && build.calls[fault.at - 1], ...loss };
  }

  /** Builds, and loses the power before the disk has anything of it. */
  async function lostAtOnce(fate: UnsyncedFate | undefined): Promise<object> {
    await world.restore();
    const { root } = world.cli;
    // Who syncs in the place of the build finds another one who is about to.
    const waiting = tryFlock(join(root, 'settled/waiting.lock'));
    await world.cli.ok(world.build, { env: { ...env, TSBUILD_SYNC: undefined } });
    waiting?.release();
    const loss = { seed: next(2 ** 31), fate };
    const synced = join(world.folder, 'saved');
    expect(await losePower({ root, synced, files: new Set(), ...loss })).toBeGreaterThan(0);
    return loss;
  }

  async function built(): Promise<{ readonly stderr: string; readonly ran?: readonly string[] }> {
    const { status, stderr } = await rebooted.run(world.build, { env });
    return status === 0 ? { stderr, ran: stepOutcomes(stderr).ran } : { stderr };
  }

  it('S-70 after a build that said that it is done takes nothing of its image', async () => {
    for (let index = 0; index < (soak ? 40 : 1); index++) {
      const loss = await lost(undefined);
      expect({ loss, face: faceOf(world.cli.root) }).toEqual({ loss, face: build.face });
      const { stdout } = await rebooted.run(['fsck'], { env });
      expect({ loss, damage: stdout.match(/^damage .*$/gm) ?? [] }).toEqual({ loss, damage: [] });
      const { stderr, ran } = await built();
      expect({ loss, stderr, ran }).toEqual({ loss, stderr, ran: expect.anything() as unknown });
      expect({ loss, face: faceOf(world.cli.root) }).toEqual({ loss, face: build.face });
    }
  });

  it('S-70 before the disk has what was built takes no step of which it has the layers', async () => {
    const loss = await lostAtOnce('kept');
    expect({ loss, ...(await built()) }).toMatchObject({ loss, ran: [] });
    expect({ loss, face: faceOf(world.cli.root) }).toEqual({ loss, face: build.face });
    // The files that a step stands on now are those of the layers.
    world.setFile('another');
    expect((await built()).ran).not.toEqual([]);
    world.setFile();
    expect(await rebooted.ok(['fsck'], { env })).not.toMatch(/^damage /m);
  });

  it('S-70 before the disk has what was built lets the next build come to the same', async () => {
    for (let index = 0; index < (soak ? 60 : 2); index++) {
      const loss = await lostAtOnce(oneOf([undefined, undefined, ...unsyncedFates]));
      const { stderr, ran } = await built();
      expect({ loss, stderr, ran }).toEqual({ loss, stderr, ran: expect.anything() as unknown });
      expect({ loss, face: faceOf(world.cli.root) }).toEqual({ loss, face: build.face });
      await rebooted.ok(['fsck', '--repair'], { env });
      expect({ loss, face: faceOf(world.cli.root) }).toEqual({ loss, face: build.face });
    }
  });

  it('S-70 after a prune that came before the disk had the new image leaves the name one of the two', async () => {
    await world.restore();
    const { root } = world.cli;
    await world.cli.ok(['rmi', 'before:1'], { env });
    const onDisk = join(world.folder, 'on-disk');
    await runOk(['cp', '-a', root, onDisk]);
    const waiting = tryFlock(join(root, 'settled/waiting.lock'));
    await world.cli.ok(world.build, { env: { ...env, TSBUILD_SYNC: undefined } });
    const synced = emptied(join(world.folder, 'synced'));
    const prune = { args: ['image', 'prune', '--force'], env: faultEnvironment };
    const { status, stdout, files } = await runCopying(world.cli, prune, { synced });
    waiting?.release();
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringContaining('deleted: sha256:') as string,
    });
    const disk = join(synced, 'root');
    // Of what is new the disk has nothing, of what was removed it has all: the other way would be kinder.
    await losePower({ root, synced: existsSync(disk) ? disk : onDisk, files, seed: 1, fate: 'lost' });
    await rebooted.ok(['save', '-o', join(world.folder, 'kept.tar'), 'app:1'], { env });
  });

  it('S-70 in a build takes nothing of what was built before, and the next one comes to the same', async () => {
    for (let index = 0; index < (soak ? 120 : 1); index++) {
      const loss = await lost(oneOf(faultsOf(build.calls, 'kill')));
      world.setFile('before');
      const before = await built();
      world.setFile();
      expect({ loss, ...before }).toEqual({ loss, ...before, ran: [] });
      const { stderr, ran } = await built();
      expect({ loss, stderr, ran }).toEqual({ loss, stderr, ran: expect.anything() as unknown });
      expect({ loss, face: faceOf(world.cli.root) }).toEqual({ loss, face: build.face });
      await rebooted.ok(['fsck', '--repair'], { env });
      expect({ loss, fsck: await rebooted.ok(['fsck'], { env }) }).toEqual({
        loss,
        fsck: 'the store is whole',
      });
      expect({ loss, face: faceOf(world.cli.root) }).toEqual({ loss, face: build.face });
    }
  });
});
