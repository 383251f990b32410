import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { tempFolder } from './temp-folder.ts';

/** Programs for arm64, as the kernel tells them (elf(5)). */
const magic = String.raw`\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const mask = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;

/** A registration of binfmt_misc for arm64. */
export function registration(interpreter: string, flags: string): string {
  return `:arm64-of-test:M::${magic}:${mask}:${interpreter}:${flags}`;
}

/**
 * The beginning of a command line for a user namespace whose emulators are its own: the machine's do not count in it, and
 * it changes none of them. `registered` stands there; `installed` is in a folder where registrations are found, in the
 * place of all that the machine has.
 */
export function ownEmulators({
  registered,
  installed,
}: { readonly registered?: string; readonly installed?: string } = {}): readonly string[] {
  const { path } = tempFolder('emulators');
  const file = (name: string, content: string): string => {
    writeFileSync(join(path, name), content);
    return join(path, name);
  };
  // Never outside: there it would be the machine's own.
  const lines = ['set -e', 'read -r _ _ ids < /proc/self/uid_map', 'test "$ids" = 1'];
  lines.push('mount -t binfmt_misc none /proc/sys/fs/binfmt_misc');
  if (registered !== undefined)
    lines.push(`cat ${file('registered', registered)} > /proc/sys/fs/binfmt_misc/register`);
  const folders = '/run /etc/binfmt.d /usr/local/lib/binfmt.d /usr/lib/binfmt.d';
  lines.push(
    `for folder in ${folders}; do`,
    'if test -d $folder; then mount -t tmpfs none $folder; fi',
    'done',
  );
  if (installed !== undefined) {
    const kept = file('installed', `${installed}\n`);
    lines.push('mkdir /run/binfmt.d', `cp ${kept} /run/binfmt.d/qemu-of-test.conf`);
    // As a package leaves it that is half removed.
    lines.push('ln -s /no/such/file /run/binfmt.d/qemu-gone.conf');
  }
  const script = file('enter.sh', [...lines, 'exec "$@"', ''].join('\n'));
  chmodSync(path, 0o755);
  return ['unshare', '--user', '--map-root-user', '--mount', 'sh', script];
}
