import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno } from '../core/index.ts';
import { exitOfForeignProgram, foreignProgram } from './foreign-program.ts';
import { makeScratchFolder } from './scratch-folder.ts';
import { inUserNamespace, mayMount } from './user-namespace.ts';

/**
 * `outside`: programs run, but in no other root: the emulator is registered without the flag F (binfmt_misc.rst), and is looked
 * for in the container. `unknown`: there is no program to try it with.
 */
export type Emulation = 'runs' | 'outside' | 'missing' | 'unknown';

const systemPath = '/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Whether programs for that architecture, by the names of images' platforms, run in a root of their own on this machine:
 * tried with one, since neither the processor nor a registration says it. `folder` must be an empty one.
 */
export function tryEmulation(architecture: string, folder: string): Emulation {
  const program = foreignProgram(architecture);
  if (program === undefined) return 'unknown';
  const path = join(folder, 'program');
  writeFileSync(path, program, { mode: 0o755 });
  if (ends(['chroot', folder, '/program'])) return 'runs';
  return ends([path]) ? 'outside' : 'missing';
}

function ends([command = '', ...args]: readonly string[]): boolean {
  const env = { PATH: systemPath };
  const { status } = spawnSync(command, args, { env, stdio: 'ignore', timeout: 10_000, cwd: '/' });
  return status === exitOfForeignProgram;
}

/** Of systemd-binfmt, which most systems have; packages of qemu put their registrations there. */
const registrationFolders = [
  '/etc/binfmt.d',
  '/run/binfmt.d',
  '/usr/local/lib/binfmt.d',
  '/usr/lib/binfmt.d',
];

const registry = '/proc/sys/fs/binfmt_misc';

/**
 * In a user namespace of its own this process may have emulators of its own (Linux 6.7): those of qemu that the machine
 * has installed are registered there, for all that runs in it and nothing else. False where that cannot be. Emulators that
 * the namespace around it has count no more afterwards.
 */
export function registerOwnEmulators(): boolean {
  if (!inUserNamespace() || !mayMount()) return false;
  const lines = registrations();
  if (lines.length === 0) return false;
  using folder = makeScratchFolder();
  if (!run('mount', '-t', 'binfmt_misc', 'binfmt_misc', folder.path)) return false;
  try {
    // What stands there may be the machine's, which root of this namespace might even be able to write to. That of the
    // namespace must stay mounted: its registrations go with its last mount.
    const isOwn = statSync(registry).dev === statSync(folder.path).dev;
    if (!isOwn && !run('mount', '--bind', folder.path, registry)) return false;
    return lines.map((line) => register(folder.path, line)).includes(true);
  } finally {
    run('umount', folder.path);
  }
}

function run(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { env: { PATH: systemPath }, stdio: 'ignore', cwd: '/' }).status === 0;
}

/** Each with the flag F, so that the emulator is found in every root. */
function registrations(): readonly string[] {
  const files = new Map<string, string>();
  for (const folder of registrationFolders) {
    for (const name of namesIn(folder)) if (!files.has(name)) files.set(name, join(folder, name));
  }
  return [...files.values()].flatMap((file) =>
    linesIn(file)
      .filter((line) => line.startsWith(':'))
      .map((line) => (/:[A-Z]*F[A-Z]*$/.test(line) ? line : `${line}F`)),
  );
}

/** Of one that nobody but root may read, or a link to what is not installed any more: none. */
function linesIn(file: string): readonly string[] {
  try {
    return readFileSync(file, 'latin1').split('\n');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => /^qemu-.*\.conf$/.test(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
}

/** One that is there already, and one whose emulator is not installed, is passed over. */
function register(folder: string, line: string): boolean {
  try {
    writeFileSync(join(folder, 'register'), line, 'latin1');
    return true;
  } catch {
    return false;
  }
}
