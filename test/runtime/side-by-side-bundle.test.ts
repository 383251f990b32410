import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runtimeConfigSchema } from '../../src/oci/runtime-schema.ts';
import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { requires } from '../support/requires.ts';
import { runCommand } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const what = [
  'id; pwd; umask; hostname; env | sort; ulimit -n; cat /proc/self/oom_score_adj',
  'grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status; cat /etc/hosts /etc/hostname /etc/resolv.conf',
  'ls -ln / /etc | grep -vE " (dev|proc|sys|etc|\\.)$"; ls /dev | grep -v core; wc -l < /proc/keys | sed s/[1-9].*/some/; cat /mnt/file',
  'touch /written && echo root is writable; exit 7',
].join('; ');

const rows: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ['nothing asked for', []],
  ['a user with a working directory that is not there', ['-u', 'ada', '-w', '/srv/deep']],
  ['a read-only root', ['--read-only']],
  ['capabilities', ['--cap-drop', 'ALL', '--cap-add', 'CHOWN', '--security-opt', 'no-new-privileges']],
  ['privileged', ['--privileged']],
  [
    'limits and an environment',
    ['--ulimit', 'nofile=77', '-e', 'A=b c', '--oom-score-adj', '100', '-m', '64m'],
  ],
  ['files in memory', ['--tmpfs', '/mnt:mode=755']],
];

describe('run --print-bundle', () => {
  requires('root', 'overlay', 'tool:runc', 'tool:busybox');
  let cli: Tsbuild;

  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it.each(rows)('O-42 runc runs the bundle to the same effect: %s', async (_, flags) => {
    const folder = tempFolder('bundle').path;
    const bundle = join(folder, 'bundle');
    const rest = ['--hostname', 'box', '--network', 'none', ...flags, 'busybox:1', 'sh', '-c', what];
    expect(await cli.ok(['run', '--print-bundle', bundle, ...rest])).toBe('');
    runtimeConfigSchema().parse(JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')));
    const id = `tsbuild-bundle-${process.pid}`;
    const theirs = await runCommand(['runc', '--root', join(folder, 'state'), 'run', '-b', bundle, id]);
    const ours = await cli.run(['run', '--rm', ...rest]);
    expect(theirs.stderr).toBe(ours.stderr);
    expect(theirs.stdout).toBe(ours.stdout);
    expect([theirs.status, ours.status]).toEqual([7, 7]);
  });

  it('O-42 stands alone: without the store, moved, and closed to other users', async () => {
    const folder = tempFolder('bundle').path;
    const bundle = join(folder, 'bundle');
    const base = await tsbuildWithBusybox();
    await base.ok([
      'run',
      '--print-bundle',
      bundle,
      '--network',
      'none',
      'busybox:1',
      'cat',
      '/etc/hostname',
    ]);
    expect(await base.ok(['ps', '-aq'])).toBe('');
    await runCommand(['rm', '-rf', base.root]);
    const moved = join(folder, 'moved');
    await runCommand(['mv', bundle, moved]);
    expect(statSync(moved).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(moved, 'config.json'), 'utf8')).not.toContain(base.root);
    const argv = [
      'runc',
      '--root',
      join(folder, 'state'),
      'run',
      '-b',
      moved,
      `tsbuild-moved-${process.pid}`,
    ];
    const { status, stdout } = await runCommand(argv);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^[0-9a-f]{12}\n$/)]);
  });

  it.each([
    ['--init', ['--init']],
    ['a folder that is there', []],
  ])('refuses %s, and leaves neither a bundle nor a container', async (name, flags) => {
    const folder = tempFolder('bundle').path;
    const bundle = flags.length === 0 ? folder : join(folder, 'bundle');
    const { status, stderr } = await cli.run([
      'run',
      '--print-bundle',
      bundle,
      ...flags,
      'busybox:1',
      'true',
    ]);
    expect([status, stderr]).toEqual([125, expect.stringContaining('--print-bundle')]);
    expect(existsSync(join(folder, 'bundle')), name).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
    expect(await cli.ok(['ps', '-aq'])).toBe('');
  });

  it('an unknown image makes no folder', async () => {
    const bundle = join(tempFolder('bundle').path, 'bundle');
    const { status } = await tsbuild().run(['run', '--pull', 'never', '--print-bundle', bundle, 'no:image']);
    expect([status, existsSync(bundle)]).toEqual([125, false]);
  });
});
