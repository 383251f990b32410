import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { containerConfig, type SetupOp } from '../../src/runtime/index.ts';
import { busyboxHost, busyboxSpec, runBusybox } from '../support/busybox-container.ts';
import { errorOf, launcherProgram, launchPlan, planInFolder } from '../support/launch-plan.ts';
import { requires } from '../support/requires.ts';
import { layOutBusybox } from '../support/rootfs.ts';
import { runCommand, runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const ELOOP = 40;
const EPERM = 1;

/** Of a container whose /dev is the image's own, as with a volume over it. */
function withoutDev(script: string): ReturnType<typeof containerConfig> {
  const config = containerConfig({
    purpose: 'run',
    args: ['/bin/sh', '-c', script],
    user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
    hostname: 'box',
    network: 'none',
    processors: 1,
    terminal: true,
  });
  const mounts = config.mounts.filter(({ destination }) => !destination.startsWith('/dev'));
  return { ...config, mounts, linux: { ...config.linux, devices: [] } };
}

function image(): string {
  const { path } = tempFolder('image');
  // For those who are not root.
  chmodSync(path, 0o755);
  layOutBusybox(path);
  for (const folder of ['proc', 'sys', 'dev', 'dev/pts']) mkdirSync(join(path, folder));
  return path;
}

describe('the launcher, where nothing else guards', () => {
  requires('root');

  it('S-05 masks with the null device, and with nothing else that stands in its place', async () => {
    const decoy = join(tempFolder('decoy').path, 'null');
    writeFileSync(decoy, 'decoy');
    const plan = planInFolder(withoutDev('cat /proc/keys'), image());
    const script = 'mount --bind "$0" /dev/null; exec "$1"';
    // The masks alone: what the program's own input is has nothing to do with it.
    const bare = plan.filter(({ kind }) => kind !== 'terminal' && kind !== 'stdio');
    const launched = await launchPlan(bare, ['/usr/bin/unshare', '-m', '/bin/sh', '-ec', script, decoy]);
    expect(errorOf(launched)?.text).toBe('/dev/null is not the null device');
    expect(launched.output).toBe('');
  });

  it('S-06 takes no terminal through a link of the image', async () => {
    const rootfs = image();
    // Whatever it led to: the container's terminal would be one that the image chose.
    execFileSync('mknod', [join(rootfs, 'dev/master'), 'c', '5', '2']);
    symlinkSync('../master', join(rootfs, 'dev/pts/ptmx'));
    const launched = await launchPlan(planInFolder(withoutDev('true'), rootfs, 'terminal'));
    expect(errorOf(launched)).toMatchObject({ text: 'open /dev/pts/ptmx', errno: ELOOP });
  });

  it('S-06 takes no terminal but one of a devpts', async () => {
    const rootfs = image();
    execFileSync('mknod', [join(rootfs, 'dev/pts/ptmx'), 'c', '1', '3']);
    const launched = await launchPlan(planInFolder(withoutDev('true'), rootfs, 'terminal'));
    expect(errorOf(launched)?.text).toBe('/dev/pts is not a devpts');
  });

  it('S-06 CVE-2025-52565 makes no console where a link of the image leads', async () => {
    const rootfs = image();
    const { path } = tempFolder('outside');
    symlinkSync(join(path, 'made'), join(rootfs, 'dev/console'));
    const config = withoutDev('true');
    const options = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666'];
    const pts = { destination: '/dev/pts', type: 'devpts', source: 'devpts', options };
    const plan = planInFolder({ ...config, mounts: [...config.mounts, pts] }, rootfs, 'terminal');
    const launched = await launchPlan(plan);
    expect(errorOf(launched)).toMatchObject({ text: 'create /dev/console', errno: ELOOP });
    expect(readdirSync(path)).toEqual([]);
  });

  it('S-03 sets no kernel parameter through a link of procfs', async () => {
    const plan = planInFolder(withoutDev('true'), image()).flatMap((op): SetupOp[] =>
      op.kind === 'keyring' ? [{ kind: 'sysctl', path: 'self/comm', value: 'linked' }] : [op],
    );
    expect(errorOf(await launchPlan(plan))).toMatchObject({ text: 'open self/comm', errno: ELOOP });
  });

  it('S-12 CVE-2023-25173 leaves a program no group of the builder’s, not even where it is to have none', async () => {
    requires('tool:setpriv');
    const config = withoutDev('grep ^Groups: /proc/self/status');
    const user = { uid: 1000, gid: 1000, additionalGids: [] };
    const plan = planInFolder({ ...config, process: { ...config.process, user } }, image());
    const launched = await launchPlan(plan, ['/usr/bin/setpriv', '--groups', '4,20']);
    expect(launched.output.trim()).toBe('Groups:');
  });

  it('S-02 CVE-2024-21626 starts nothing in a folder outside the root', async () => {
    requires('tool:python3');
    // What a descriptor left open would be: the root is one folder, the way to the working directory begins in another.
    const root = tempFolder('jail').path;
    const outside = tempFolder('outside').path;
    for (const path of [join(root, 'proc'), join(outside, 'tree'), join(outside, 'scratch')]) mkdirSync(path);
    copyFileSync(launcherProgram, join(root, 'launcher'));
    const script = `mount --rbind /proc "$0/proc"; exec python3 -c 'import os, sys; os.chdir(sys.argv[2]); os.chroot(sys.argv[1]); os.execv("/launcher", ["launcher"])' "$0" "$1"`;
    const plan: SetupOp[] = [
      { kind: 'clone', create: ['mount'], join: [], output: 'pipes', uidMap: '', gidMap: '' },
      { kind: 'root-bind', scratch: 'scratch', path: 'tree' },
      { kind: 'cwd', path: '/', create: undefined },
      { kind: 'exec', args: ['/launcher'], env: [] },
    ];
    const launched = await launchPlan(plan, [
      '/usr/bin/unshare',
      '-m',
      '/bin/sh',
      '-ec',
      script,
      root,
      outside,
    ]);
    expect(errorOf(launched)).toMatchObject({
      text: 'the working directory is outside the container /',
      errno: EPERM,
    });
  });
});

describe('the launcher’s own executable, while it waits inside', () => {
  requires('root', 'overlay');

  it('S-01 CVE-2019-5736 is sealed: nobody can write to it, not even through what has it open already', async () => {
    requires('tool:python3');
    const host = busyboxHost();
    await using container = await host.runtime.create(busyboxSpec(host, ['sleep', '100']));
    // Opened while it is executed, written to when it is not any more.
    const script =
      'import fcntl, os, sys\nfd = os.open(f"/proc/{sys.argv[1]}/exe", os.O_RDONLY)\nprint(fcntl.fcntl(fd, 1034) & 15)';
    expect(await runOk(['python3', '-c', script, String(container.pid)])).toBe('15');
  });

  it('S-01 S-02 CVE-2016-9962 cannot be reached by root of the container: it is not dumpable', async () => {
    requires('tool:setpriv');
    const host = busyboxHost();
    await using container = await host.runtime.create(busyboxSpec(host, ['sleep', '100']));
    // All that root can have but what no container's root has by default.
    const confined = ['setpriv', '--inh-caps=-sys_ptrace', '--bounding-set=-sys_ptrace'];
    const look = async (path: string): Promise<string> => {
      const { stdout, stderr } = await runCommand([
        ...confined,
        'ls',
        '-l',
        `/proc/${container.pid}/${path}`,
      ]);
      return `${stdout}${stderr}`;
    };
    for (const path of ['exe', 'cwd', 'root', 'fd/0'])
      expect(await look(path)).toContain('Permission denied');
    await container.start();
    await expect.poll(() => readFileSync(`/proc/${container.pid}/comm`, 'latin1')).toBe('sleep\n');
    // The same look at the program itself: it was the launcher that could not be seen.
    expect(await look('exe')).toContain('/bin/busybox');
  });
});

describe('a /dev of the image', () => {
  requires('root', 'overlay');

  it('S-07 that is a link is refused by itself, whatever stands below it', async () => {
    const host = busyboxHost();
    mkdirSync(join(host.layers.lower, 'elsewhere/pts'), { recursive: true });
    symlinkSync('/elsewhere', join(host.layers.lower, 'dev'));
    await expect(runBusybox(host, 'true')).rejects.toMatchObject({
      code: 'RUNTIME_SETUP',
      message: expect.stringMatching(/a real directory \/dev: .*ELOOP/) as string,
    });
  });
});
