import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { tsbuildProgram } from '../support/cli.ts';
import { faultEnvironment, faultWorld } from '../support/fault-world.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { numbersFrom, soak } from '../support/series.ts';

/** In a mount namespace of its own: a disk of that many KiB above what is on it, a build, more room, and what is there. */
const script = `
set -e
mount -t tmpfs -o size=64m tmpfs "$DISK"
cp -a "$SAVED" "$DISK/root"
used=$(du -sk "$DISK" | cut -f1)
mount -o "remount,size=$((used + ROOM))k" "$DISK"
status=0
"$@" build -t app:1 "$CONTEXT" 2>"$OUT/first" || status=$?
echo "$status" >"$OUT/status"
"$@" fsck >"$OUT/found" || true
mount -o remount,size=64m "$DISK"
"$@" build -q -t app:1 "$CONTEXT"
"$@" prune --force >&2
"$@" fsck
`;

describe('S-72 a disk that is really full', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:unshare');

  it(
    'is one clear error, wherever it ends, and the next build comes to the same',
    { timeout: 3_600_000 },
    async () => {
      const world = await faultWorld();
      const env = { ...process.env, ...faultEnvironment };
      const whole = await world.cli.ok(['build', '-q', '-t', 'app:1', world.context], { env });
      const [disk, out] = [join(world.folder, 'disk'), join(world.folder, 'out')];
      for (const folder of [disk, out]) mkdirSync(folder);
      const next = numbersFrom(inject('seed'));
      const statuses = new Set<string>();
      // All that the build writes is about 4 MiB.
      const rooms = soak ? Array.from({ length: 60 }, (_, index) => index * 80) : [next(4000)];
      for (const room of rooms) {
        const argv = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'];
        const { status, stdout, stderr } = await runCommand(
          [...argv, tsbuildProgram, '--root', join(disk, 'root')],
          {
            env: {
              ...env,
              DISK: disk,
              SAVED: join(world.folder, 'begin'),
              ROOM: String(room),
              CONTEXT: world.context,
              OUT: out,
            },
          },
        );
        expect({ room, status, stderr }).toEqual({ room, status: 0, stderr });
        expect({ room, stdout }).toEqual({ room, stdout: `${whole}\nthe store is whole\n` });
        const first = await runCommand(['cat', join(out, 'status'), join(out, 'first'), join(out, 'found')]);
        const [code = ''] = first.stdout.split('\n');
        statuses.add(code);
        expect({ room, said: first.stdout }).toEqual({
          room,
          said: expect.not.stringMatching(/^damage|^ +at /m) as string,
        });
        if (code !== '0')
          expect(first.stdout.match(/^tsbuild: .* \[DISK_FULL\]$/gm) ?? [first.stdout]).toHaveLength(1);
        expect(['0', '5', '7']).toContain(code);
      }
      if (soak) expect([...statuses].toSorted()).toEqual(['0', '7']);
    },
  );
});
