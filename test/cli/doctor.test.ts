import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { checkIds } from '../../src/ops/doctor/types.ts';
import { kernelCalls } from '../../src/sys/index.ts';
import { ordinaryUser } from '../support/as-user.ts';
import { tsbuild, tsbuildProgram } from '../support/cli.ts';
import { checkOf, examine, reportSchema, type DoctorJson } from '../support/doctor-report.ts';
import { onTerminal } from '../support/on-terminal.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runCommand, runOk, type CommandResult } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** What may differ between machines, and between two moments, is left out. */
function projected({ stdout }: CommandResult): readonly string[] {
  return stdout
    .split('\n')
    .filter((line) => /^[✓!✗-] /.test(line))
    .map((line) => line.slice(0, 28).trimEnd());
}

/** `sh -c` of some mounts in a mount namespace of their own, and then the program. */
function behind(mounts: string): readonly string[] {
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', `${mounts}; exec "$@"`, 'sh'];
}

it('docs/doctor.md has every check, in their order', () => {
  const text = readFileSync(join(projectRoot, 'docs/doctor.md'), 'utf8');
  const table = text.slice(text.indexOf('| check |'), text.indexOf('## Inside of containers'));
  expect([...table.matchAll(/^\| `([a-z-]+)`/gm)].map(([, id]) => id)).toEqual([...checkIds]);
});

describe('B-11 doctor as root', () => {
  requires('root', 'overlay');

  it('finds that this machine builds', async () => {
    const folder = tempFolder('doctor').path;
    const result = await tsbuild(join(folder, 'store')).run(['doctor']);
    expect(result.status).toBe(0);
    const lines = projected(result);
    expect(lines).toHaveLength(checkIds.length);
    for (const line of [
      '✓ ok       kernel',
      '✓ ok       seccomp',
      '- skipped  id maps',
      '✓ ok       overlay',
      '✓ ok       containers',
      '✓ ok       store',
      '✓ ok       clock',
    ])
      expect(lines).toContain(line);
    expect(result.stdout).toMatch(/^\d+ checks: \d+ ok/m);
    expect(result.stdout).toMatch(/^builds work here/m);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves no mount, link, cgroup or setting behind', async () => {
    const root = join(tempFolder('doctor').path, 'store');
    // Where nobody else mounts anything or makes links meanwhile.
    const state =
      'cat /proc/self/mountinfo; cut -d: -f1 /proc/net/dev; cat /proc/sys/net/ipv4/ip_forward; find /sys/fs/cgroup -name "doctor-*"';
    const script = `mount -t tmpfs tmpfs /run; before=$(${state}); "$@" >&2; after=$(${state}); [ "$before" = "$after" ] && echo same || echo "$before" "$after"`;
    const own = ['unshare', '--mount', '--net', '--propagation', 'private', 'sh', '-ec', script, 'sh'];
    const { stdout, stderr } = await runCommand([...own, tsbuildProgram, '--root', root, 'doctor']);
    expect(stderr).toContain('builds work here');
    expect(stdout).toBe('same\n');
  });

  it('makes no store in an empty folder, and takes one that is there as it is', async () => {
    const cli = tsbuild(join(tempFolder('doctor').path, 'store'));
    mkdirSync(cli.root);
    expect(checkOf(await examine(cli.root), 'store').found).toContain('made at the first use');
    expect(readdirSync(cli.root)).toEqual([]);
    await cli.ok(['volume', 'ls']);
    const before = readdirSync(cli.root);
    expect(checkOf(await examine(cli.root), 'store')).toMatchObject({ status: 'ok', found: cli.root });
    expect(readdirSync(cli.root)).toEqual(before);
    expect(readdirSync(join(cli.root, 'tmp'))).toEqual([]);
  });

  it('names the folder that is no store, with status 1', async () => {
    const folder = tempFolder('doctor').path;
    mkdirSync(join(folder, 'photos'));
    const report = await examine(folder);
    expect(report.ok).toBe(false);
    expect(checkOf(report, 'store').found).toContain('(photos)');
    expect(readdirSync(folder)).toEqual(['photos']);
  });

  it('finds the disk too small, and says so when it is full', async () => {
    const folder = tempFolder('doctor').path;
    const small = await examine(join(folder, 'store'), behind(`mount -t tmpfs -o size=1m tmpfs ${folder}`));
    expect(checkOf(small, 'disk')).toMatchObject({ status: 'error', lost: 'builds fail with DISK_FULL' });
    const fill = `mount -t tmpfs -o size=64k tmpfs ${folder}; dd if=/dev/zero of=${folder}/file bs=1k count=64 2>/dev/null || :`;
    const full = await examine(join(folder, 'store'), behind(fill));
    expect(checkOf(full, 'disk').status).toBe('error');
    const files = await examine(
      join(folder, 'store'),
      behind(`mount -t tmpfs -o nr_inodes=4 tmpfs ${folder}`),
    );
    expect(checkOf(files, 'disk').status).toBe('error');
    expect(checkOf(files, 'store').found).toBe(`${folder} is full`);
  });

  it('finds cgroups that cannot be written to', async () => {
    const hide = 'mount -t tmpfs -o ro tmpfs /sys/fs/cgroup';
    const report = await examine(join(tempFolder('doctor').path, 'store'), behind(hide));
    expect(checkOf(report, 'cgroups')).toMatchObject({ status: 'warning' });
    expect(checkOf(report, 'containers')).toMatchObject({ status: 'ok' });
    expect(report.ok).toBe(true);
  });

  it('finds a read-only disk', async () => {
    const folder = tempFolder('doctor').path;
    const report = await examine(join(folder, 'store'), behind(`mount -t tmpfs -o ro tmpfs ${folder}`));
    expect(checkOf(report, 'store').found).toBe(`nothing can be written in ${folder} (EROFS)`);
    expect(checkOf(report, 'containers').status).toBe('skipped');
    expect(report.ok).toBe(false);
  });

  it('finds that overlay has no place for its layers on overlay, and that builds copy', async () => {
    const folder = tempFolder('doctor').path;
    const stack = `mount -t tmpfs tmpfs ${folder}; cd ${folder}; mkdir l u w m; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m`;
    const report = await examine(join(folder, 'm', 'store'), behind(stack));
    expect(checkOf(report, 'overlay')).toMatchObject({ status: 'warning' });
    expect(checkOf(report, 'overlay').found).toContain('cannot be mounted on overlay');
    expect(report.ok).toBe(true);
  });

  it('finds that it may neither mount nor make networks, and what a user namespace does for it', async () => {
    requires('tool:setpriv');
    const through = ['setpriv', '--bounding-set', '-sys_admin,-net_admin'];
    const report = await examine(join(tempFolder('doctor').path, 'store'), through);
    expect(checkOf(report, 'overlay').found).toMatch(/^mounted on .*, in a user namespace/);
    expect(checkOf(report, 'network').status).toBe('warning');
    expect(checkOf(report, 'containers')).toMatchObject({ status: 'warning' });
    expect(checkOf(report, 'containers').lost).toContain('tsbuild run');
  });

  it('finds the filter that hides a system call', async () => {
    requires('tool:cc');
    const folder = tempFolder('doctor').path;
    const program = join(folder, 'hide-call');
    await runOk(['cc', '-o', program, join(projectRoot, 'test/support/hide-call.c')]);
    const behindFilter = (call: keyof typeof kernelCalls): Promise<DoctorJson> =>
      examine(join(folder, 'store'), [
        ...[program, String(constants.errno.ENOSYS), String(kernelCalls[call].number)],
      ]);
    // Another call stands in for it.
    expect((await behindFilter('clone3')).ok).toBe(true);
    const report = await behindFilter('mount_setattr');
    expect(report.ok).toBe(false);
    expect(checkOf(report, 'kernel').found).toContain('a filter of system calls hides mount_setattr');
    expect(checkOf(report, 'seccomp').found).toContain('runs under a filter');
    expect(checkOf(report, 'containers').status).toBe('error');
  });

  it('finds programs that are not installed', async () => {
    // A folder with nothing but what starts tsbuild stands in for all those of programs.
    const hide =
      'for folder in /usr/bin /bin /usr/local/bin; do mount --bind /mnt $folder 2>/dev/null || :; done';
    const script = `cp -L "$(command -v env)" /mnt/env 2>/dev/null || :; node=$(readlink -f "$1"); shift; ${hide}; exec "$node" "$@"`;
    const root = join(tempFolder('doctor').path, 'store');
    const { status, stdout } = await runCommand(
      [
        ...[
          'unshare',
          '--mount',
          '--propagation',
          'private',
          'sh',
          '-ec',
          `mount -t tmpfs tmpfs /mnt; ${script}`,
          'sh',
        ],
        ...[process.execPath, tsbuildProgram, '--root', root, 'doctor', '--format', 'json'],
      ],
      { env: { PATH: '/usr/bin:/bin' } },
    );
    const report = reportSchema.parse(JSON.parse(stdout));
    expect(status).toBe(0);
    expect(checkOf(report, 'tools')).toMatchObject({ status: 'warning' });
    expect(checkOf(report, 'tools').found).toContain('git');
    expect(checkOf(report, 'tools').lost).toContain('git repositories');
  });
});

describe('B-11 doctor as an ordinary user', () => {
  requires('root', 'overlay', 'tool:setpriv', 'tool:newuidmap');

  it('tries in a user namespace what builds do there', async () => {
    const user = ordinaryUser();
    const report = await examine(user.store, user.through);
    expect(checkOf(report, 'user-namespaces')).toMatchObject({ status: 'ok', found: 'can be made' });
    expect(checkOf(report, 'id-maps')).toMatchObject({ status: 'ok' });
    expect(checkOf(report, 'overlay').found).toContain('in a user namespace');
    expect(checkOf(report, 'containers').status).toBe('ok');
    expect(report.ok).toBe(true);
    expect(existsSync(user.store)).toBe(false);
    // Node keeps compiled code there.
    expect(readdirSync(user.home).filter((name) => name !== '.cache')).toEqual([]);
  });

  it('finds that there is one id only, and the range that would help', async () => {
    const user = ordinaryUser({ ranges: [] });
    const check = checkOf(await examine(user.store, user.through), 'id-maps');
    expect(check.status).toBe('warning');
    expect(check.fixes).toEqual([
      expect.objectContaining({
        text: expect.stringMatching(/^sudo usermod --add-subuids \d+-\d+ --add-subgids/) as string,
      }),
    ]);
  });

  it('finds that user namespaces are forbidden, with status 1', async () => {
    const user = ordinaryUser();
    const folder = tempFolder('doctor').path;
    chmodSync(folder, 0o777);
    // The number of one user namespace; the machine's own stays.
    const script =
      'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --reuid 1000 --regid 1000 --clear-groups "$@"';
    const inside = ['unshare', '--user', '--map-root-user', '--map-auto', 'sh', '-ec', script, 'sh'];
    const report = await examine(join(folder, 'store'), [...user.through, ...inside]);
    expect(report.ok).toBe(false);
    const check = checkOf(report, 'user-namespaces');
    expect(check.found).toBe('cannot be made (ENOSPC): user.max_user_namespaces is 0');
    expect(check.fixes[0]?.text).toBe('sudo sysctl -w user.max_user_namespaces=15000');
    expect(checkOf(report, 'overlay').status).toBe('skipped');
  });

  it('names a folder that the user may not write to', async () => {
    const user = ordinaryUser();
    const report = await examine('/usr/tsbuild-store', user.through);
    expect(checkOf(report, 'store').found).toBe('nothing can be written in /usr (EACCES)');
    expect(report.ok).toBe(false);
  });
});

describe('doctor in a terminal', () => {
  requires('root', 'overlay', 'tool:python3');
  const environment = {
    ...process.env,
    ...{ NO_COLOR: undefined, FORCE_COLOR: undefined, TERM: 'xterm' },
    // Node takes a terminal of a continuous integration service for one without colours.
    ...{ CI: undefined, TEAMCITY_VERSION: undefined },
  };
  const argv = (): readonly string[] => [
    ...[tsbuildProgram, '--root', join(tempFolder('doctor').path, 'store'), 'doctor'],
  ];

  it('has colours, which NO_COLOR and a pipe turn off', async () => {
    const { output, code } = await onTerminal(argv(), [], environment);
    expect(code).toBe(0);
    expect(Buffer.from(output, 'latin1').toString()).toContain('\u001b[32m✓ ok');
    const plain = await onTerminal(argv(), [], { ...environment, NO_COLOR: '1' });
    expect(plain.output).not.toContain('\u001b');
    expect(await tsbuild().ok(['doctor'])).not.toContain('\u001b');
  });
});
