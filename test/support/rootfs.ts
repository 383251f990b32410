import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folders of one container's overlay; `lower` is an image of busybox alone. */
export interface BusyboxLayers {
  readonly lower: string;
  readonly upper: string;
  readonly work: string;
}

const busybox = '/bin/busybox';
let applets: readonly string[] | undefined;

/** A root file system of busybox-static: its applets in /bin, root and a user `app` (1000) in /etc/passwd, /tmp. */
export function layOutBusybox(path: string): void {
  if (!existsSync(busybox)) throw new Error('install busybox-static (scripts/system-packages.sh)');
  applets ??= spawnSync(busybox, ['--list'], { encoding: 'utf8' }).stdout.trim().split('\n');
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'home/app']) {
    mkdirSync(join(path, folder), { recursive: true });
  }
  chmodSync(join(path, 'tmp'), 0o1777);
  copyFileSync(busybox, join(path, 'bin/busybox'));
  chmodSync(join(path, 'bin/busybox'), 0o755);
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(path, 'bin', applet));
  writeFileSync(
    join(path, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n',
  );
  writeFileSync(join(path, 'etc/group'), 'root:x:0:\napp:x:1000:\n');
}

/** Such an image as the lower of an overlay, with an empty upper, below `folder`. */
export function busyboxLayers(folder: string): BusyboxLayers {
  const layers = { lower: join(folder, 'lower'), upper: join(folder, 'upper'), work: join(folder, 'work') };
  for (const path of Object.values(layers)) mkdirSync(path, { recursive: true });
  layOutBusybox(layers.lower);
  return layers;
}
