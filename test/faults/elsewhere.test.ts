import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuild, tsbuildProgram } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { faceOf, faultEnvironment, faultWorld, type FaultWorld } from '../support/fault-world.ts';
import { afterReboot } from '../support/power-loss.ts';
import { stepOutcomes } from '../support/progress-lines.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk } from '../support/run-command.ts';

/** In a mount namespace of its own: a disk, a build on it, and the disk taken away as soon as it can be, and put back. */
const onDisk = `
set -e
PATH=$PATH:/usr/sbin:/sbin
truncate -s 64M "$DISK.img"
mkfs.ext4 -q "$DISK.img"
mount -o loop "$DISK.img" "$DISK"
cp -a "$SAVED" "$DISK/root"
"$@" build -q -t app:1 "$CONTEXT"
until umount "$DISK" 2>"$DISK.said"; do grep -q busy "$DISK.said"; sleep 0.05; done
mount -o loop "$DISK.img" "$DISK"
cp -a "$DISK/root" "$DISK.kept"
"$@" fsck
ls "$DISK/root/settled" | grep -c 'json$'
umount "$DISK"
`;

/** When a name or a mark was written, by the clock of its boot; 0 of other files. */
function timeOf(path: string): number {
  return path.includes('.json') ? (JSON.parse(readFileSync(path, 'utf8')) as { at: number }).at : 0;
}

describe('a store', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:unshare', 'tool:mkfs.ext4');
  let world: FaultWorld;
  /** As users have it: nothing waits for the disk. */
  const env = { ...process.env, ...faultEnvironment, TSBUILD_SYNC: undefined };
  beforeAll(async () => {
    world = await faultWorld();
  });

  const loops = existsSync('/dev/loop-control');
  it.skipIf(!loops)(
    'S-70 whose disk is unmounted right after a build is whole on it, and settled',
    async () => {
      const disk = join(world.folder, 'disk');
      mkdirSync(disk);
      const argv = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', onDisk, 'sh'];
      const { status, stdout, stderr } = await runCommand(
        [...argv, tsbuildProgram, '--root', `${disk}/root`],
        {
          env: {
            ...env,
            DISK: disk,
            SAVED: join(world.folder, 'begin'),
            CONTEXT: world.context,
            LC_ALL: 'C',
          },
        },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr });
      expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\nthe store is whole\n[12]\n$/);
    },
  );

  it('S-70 S-71 two builds at once each leave the disk to a process, and both are settled', async () => {
    await world.restore('begin');
    const { cli } = world;
    const contexts = ['one', 'two'].map((name) =>
      makeContext({ Dockerfile: `FROM busybox:1\nCOPY file /file\nRUN cat /file >/${name}\n`, file: name }),
    );
    const build = (index: number): readonly string[] => [
      ...['build', '--progress=plain', '-t', `made:${index}`],
      contexts[index] ?? '',
    ];
    await Promise.all([0, 1].map((index) => cli.ok(build(index), { env })));
    const newest = (folder: string): number =>
      Math.max(0, ...readdirSync(join(cli.root, folder)).map((name) => timeOf(join(cli.root, folder, name))));
    const names = newest('refs');
    expect(names).toBeGreaterThan(0);
    await expect.poll(() => newest('settled')).toBeGreaterThan(names);
    const face = faceOf(cli.root);

    // On another machine: other inodes, another boot, and of what is not settled nothing would be believed unseen.
    const moved = join(world.folder, 'moved');
    await runOk(['cp', '-a', cli.root, moved]);
    const there = tsbuild(moved, afterReboot(world.folder));
    for (const index of [0, 1]) {
      const { status, stderr } = await there.run(build(index), { env: { ...env, TSBUILD_SYNC: 'wait' } });
      expect({ status, ran: stepOutcomes(stderr).ran }).toEqual({ status: 0, ran: [] });
    }
    expect(faceOf(moved)).toEqual(face);
    expect(await there.ok(['run', '--rm', 'made:1', 'cat', '/two'])).toBe('two');
    expect(await there.ok(['fsck'])).toBe('the store is whole');
    writeFileSync(join(contexts[0] ?? '', 'file'), 'new');
    await there.ok(build(0), { env });
    expect(await there.ok(['run', '--rm', 'made:0', 'cat', '/one'])).toBe('new');
  });
});
