import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { inject, TestRunner } from 'vitest';
import { cacheFolder, cachedDebianBase } from './paths.ts';

/** Something of the machine that a test cannot do without. */
export type Need =
  | 'root'
  | 'overlay'
  | 'docker'
  | 'buildkit'
  | 'debian-base'
  | 'vm'
  /** A folder for the tests on a file system whose times can be believed. */
  | 'sound-disk'
  /** Emulators of a user namespace's own (Linux 6.7). */
  | 'own-binfmt'
  | `tool:${string}`
  | `network:${keyof typeof hosts}`
  | `cgroup:${string}`;

declare module 'vitest' {
  interface TaskMeta {
    /** Why a whole describe or file was skipped; the summary reporter prints it. */
    skipReason?: string;
  }
}

const hosts = {
  debian: { host: 'deb.debian.org', port: 80 },
  npm: { host: 'registry.npmjs.org', port: 443 },
} as const;

/** statfs(2): ext2 to ext4, xfs, btrfs, f2fs, overlay. */
const soundDisks = [0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x794c7630];

const answers = new Map<Need, string | undefined>();

/**
 * Skips the describe, the file or the running test unless the machine has all of `needs`, and says which is missing;
 * under TSBUILD_MUST_RUN=1 (continuous integration) a missing need is an error instead.
 *
 *     describe('exports', () => {
 *       requires('root', 'tool:skopeo');   // first line: it rules the tests and hooks that follow it
 *       it('O-1 …', () => { … });
 *     });
 *     it('O-2 …', () => { requires('network:npm'); … });
 *
 * In a describe (or at the top of a file, before the first test) the tests are never started, so neither are
 * beforeAll hooks. Inside a test everything after the call is skipped.
 */
export function requires(...needs: readonly Need[]): void {
  const missing = needs.flatMap((need) => reasonMissing(need) ?? []);
  if (missing.length === 0) return;
  const reason = `needs ${missing.join(', ')}`;
  if (process.env['TSBUILD_MUST_RUN'] === '1')
    throw new Error(`${reason} (TSBUILD_MUST_RUN=1 forbids to skip)`);
  // Typed as always there; outside a running test it is not.
  const test = TestRunner.getCurrentTest<ReturnType<typeof TestRunner.getCurrentTest> | undefined>();
  if (test !== undefined) test.context.skip(reason);
  const suite = TestRunner.getCurrentSuite();
  // Tests and inner suites take their defaults from the options of the suite around them.
  suite.options = { ...suite.options, skip: true };
  // The suite of tests outside every describe is none that reporters see: there it is the file's.
  const described = suite.name === '' ? suite.file : suite.suite;
  if (described !== undefined) described.meta.skipReason = reason;
}

/** Whether the machine has `need`; for tests that choose between two ways. */
export function has(need: Need): boolean {
  return reasonMissing(need) === undefined;
}

function reasonMissing(need: Need): string | undefined {
  if (!answers.has(need)) answers.set(need, probe(need));
  return answers.get(need);
}

function probe(need: Need): string | undefined {
  if (need.startsWith('tool:')) {
    const name = need.slice('tool:'.length);
    return findTool(name) === undefined ? `the program ${name}` : undefined;
  }
  if (need.startsWith('cgroup:')) {
    const name = need.slice('cgroup:'.length);
    return cgroupWritable(name) ? undefined : `the cgroup controller ${name}, writable`;
  }
  switch (need as Exclude<Need, `tool:${string}` | `cgroup:${string}`>) {
    case 'root':
      return process.getuid?.() === 0 ? undefined : 'root';
    case 'overlay':
      return /\boverlay$/m.test(readFileSync('/proc/filesystems', 'latin1')) ? probe('root') : 'overlay';
    case 'docker':
    case 'buildkit':
      return firstOf('root', 'tool:dockerd', 'tool:docker', 'tool:containerd', 'tool:ip');
    case 'debian-base':
      if (existsSync(cachedDebianBase())) return undefined;
      return firstOf('root', 'tool:mmdebstrap', 'network:debian');
    case 'vm':
      return vmMissing();
    case 'sound-disk':
      return soundDisks.includes(statfsSync(inject('runFolder')).type)
        ? undefined
        : 'temporary files on ext4, xfs, btrfs, f2fs or an overlay (TMPDIR)';
    case 'own-binfmt':
      return ownBinfmt() ? undefined : 'emulators of a user namespace’s own (Linux 6.7, binfmt_misc)';
    case 'network:debian':
      return reachable('debian');
    case 'network:npm':
      return reachable('npm');
  }
}

function ownBinfmt(): boolean {
  const mount = 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc';
  const argv = ['--user', '--map-root-user', '--mount', 'sh', '-c', mount];
  return spawnSync('unshare', argv, { stdio: 'ignore' }).status === 0;
}

/** What scripts/vm.sh needs. */
function vmMissing(): string | undefined {
  if (process.arch !== 'x64') return 'a machine of the x86-64 kind';
  const tools = firstOf('root', 'tool:qemu-system-x86_64', 'tool:busybox', 'tool:cpio', 'tool:apt-get');
  if (tools !== undefined) return tools;
  if (!existsSync('/usr/lib/qemu/virtiofsd')) return 'virtiofsd (qemu-system-common)';
  return existsSync(join(cacheFolder(), 'vm')) ? undefined : probe('network:debian');
}

function firstOf(...needs: readonly Need[]): string | undefined {
  return needs.map(reasonMissing).find((reason) => reason !== undefined);
}

/** The absolute path of a program; the sbin folders count even where the PATH leaves them out. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(executable);
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function reachable(name: keyof typeof hosts): string | undefined {
  const { host, port } = hosts[name];
  const dial = `exec 3<>/dev/tcp/${host}/${port}`;
  const { status } = spawnSync('timeout', ['5', 'bash', '-c', dial], { stdio: 'ignore' });
  return status === 0 ? undefined : `the network (${host}:${port})`;
}

/** Version 1 has a hierarchy per controller; in version 2 the root group lists the controllers there are. */
function cgroupWritable(controller: string): boolean {
  const v2 = '/sys/fs/cgroup/cgroup.controllers';
  if (!existsSync(v2)) return writable(`/sys/fs/cgroup/${controller}/tasks`);
  return (
    readFileSync(v2, 'latin1').trim().split(' ').includes(controller) &&
    writable('/sys/fs/cgroup/cgroup.procs')
  );
}

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
