import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runStepOptionsOf, type RunStepFlags } from '../../src/cli/build-runs.ts';
import { keyOfGiven } from '../../src/ops/index.ts';
import { containerConfig, type ContainerRequest } from '../../src/runtime/index.ts';
import { tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { hookFolder, shellHook } from '../support/hook-files.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function keyOf(flags: RunStepFlags): Promise<unknown> {
  const { given } = await runStepOptionsOf(flags);
  return given === undefined ? undefined : keyOfGiven(given);
}

describe('flags that hold for all RUN steps', () => {
  it('C-46 C-49 without any of them, or with what changes no step, a step is the one it was', async () => {
    expect(await runStepOptionsOf({})).toEqual({ dns: undefined, given: undefined });
    expect(await keyOf({ hosts: true, hostname: false })).toBeUndefined();
    expect(await keyOf({ securityOpt: ['no-new-privileges=false'] })).toBeUndefined();
    const { dns, given } = await runStepOptionsOf({
      dns: ['9.9.9.9'],
      dnsSearch: ['x.org'],
      dnsOption: ['ndots:2'],
    });
    expect([dns, given]).toEqual([
      { nameservers: ['9.9.9.9'], search: ['x.org'], options: ['ndots:2'] },
      undefined,
    ]);
  });

  const rows: readonly (readonly [flags: RunStepFlags, key: object])[] = [
    [{ capDrop: ['ALL'], capAdd: ['kill'] }, { capabilities: ['CAP_KILL'] }],
    [{ securityOpt: ['seccomp=unconfined'] }, { seccomp: 'unconfined' }],
    [{ securityOpt: ['no-new-privileges', 'label=disable'] }, { noNewPrivileges: true, label: ['disable'] }],
    [{ securityOpt: ['mask=/a:/b', 'unmask=ALL'] }, { mask: ['/a', '/b'], unmask: ['ALL'] }],
    [{ groupAdd: ['staff', '7'] }, { groups: ['staff', '7'] }],
    [
      { device: ['v.com/d=x'], cdiHooks: true },
      { cdiDevices: ['v.com/d=x'], cdiHooks: true },
    ],
    [
      { device: ['/dev/null:/dev/n:r'] },
      { devices: [expect.objectContaining({ path: '/dev/n', access: 'r' })] },
    ],
    [{ volume: ['/a:/b:ro'] }, { volumes: [expect.objectContaining({ source: '/a', readOnly: true })] }],
    [
      { hosts: false, dns: ['none'] },
      { withoutHosts: true, withoutResolvConf: true },
    ],
  ];
  it.each(rows)('C-46 C-48 C-49 C-58 %j makes another step', async (flags, key) => {
    expect(await keyOf(flags)).toEqual(key);
  });

  it('C-46 C-58 profiles and hooks count by what they say', async () => {
    const profile = join(tempFolder('profile').path, 'seccomp.json');
    const keys = new Set<string>();
    for (const text of ['{}', '{ }']) {
      writeFileSync(profile, text);
      keys.add(JSON.stringify(await keyOf({ securityOpt: [`seccomp=${profile}`] })));
    }
    for (const line of ['one', 'two', 'two']) {
      const hooksDir = [hookFolder({ 'a.json': shellHook(line, ['prestart']) })];
      keys.add(JSON.stringify(await keyOf({ hooksDir })));
    }
    expect(keys.size).toBe(4);
  });

  it.each<[RunStepFlags, RegExp]>([
    [{ volume: ['named:/data'] }, /no volumes of their own/],
    [{ dns: ['none', '9.9.9.9'] }, /--dns none/],
    [{ dns: ['example.org'] }, /--dns: invalid value/],
    [{ securityOpt: ['mask=relative'] }, /--security-opt/],
    [{ securityOpt: ['seccomp=/nowhere.json'] }, /cannot read the seccomp profile/],
  ])('C-46 C-48 C-49 %j is refused', async (flags, why) => {
    await expect(runStepOptionsOf(flags)).rejects.toThrow(why);
  });

  it('C-46 mask adds to what is masked, unmask takes away', () => {
    const paths = (
      mask: readonly string[],
      unmask: readonly string[],
      more: Partial<ContainerRequest> = {},
    ) => {
      const user = { uid: 0, gid: 0, additionalGids: [], home: '/' };
      const common = {
        purpose: 'build',
        args: ['x'],
        hostname: 'x',
        network: 'none',
        processors: 1,
      } as const;
      return containerConfig({ ...common, user, mask, unmask, ...more }).linux;
    };
    const insecure = { loopDevices: 0 };
    expect(paths(['/x'], [], { insecure })).toMatchObject({ maskedPaths: ['/x'], readonlyPaths: [] });
    const plain = paths([], []);
    expect(paths(['/x'], []).maskedPaths).toEqual([...(plain.maskedPaths ?? []), '/x']);
    expect(paths(['/x'], ['ALL'])).toMatchObject({ maskedPaths: ['/x'], readonlyPaths: [] });
    const some = paths([], ['/proc/k*', '/proc/sys']);
    expect(plain.maskedPaths?.filter((path) => some.maskedPaths?.includes(path) === false)).toEqual(
      plain.maskedPaths?.filter((path) => path.startsWith('/proc/k')),
    );
    expect(plain.readonlyPaths?.filter((path) => some.readonlyPaths?.includes(path) === false)).toEqual([
      '/proc/sys',
    ]);
  });

  describe('in a build', () => {
    requires('root', 'overlay', 'tool:busybox');
    let cli: Tsbuild;

    beforeAll(async () => {
      cli = await tsbuildWithBusybox();
    });

    it('C-46 C-48 C-49 C-58 a step has what they give; again it is cached, with another right it runs', async () => {
      const folder = tempFolder('given').path;
      const log = join(folder, 'log');
      writeFileSync(join(folder, 'word'), 'from outside\n');
      const script =
        'grep -E "^(CapEff|NoNewPrivs)" /proc/self/status; cat /data/word /etc/resolv.conf; id -G';
      writeFileSync(
        join(folder, 'Dockerfile'),
        `FROM busybox:1\nRUN (${script}) > /seen; cp /data/word /kept\n`,
      );
      const hooks = hookFolder({
        'a.json': shellHook(`echo ran >> ${log}`, ['createRuntime']),
        'b.json': shellHook('echo late; exit 4', ['poststop']),
      });
      const flags = [
        ...['--cap-drop', 'ALL', '--cap-add', 'CHOWN', '--security-opt', 'no-new-privileges'],
        ...['-v', `${folder}:/data:ro`, '--dns', '9.9.9.9', '--dns-search', 'x.org', '--group-add', 'staff'],
        ...['--hooks-dir', hooks, '--network', 'none', '-t', 'given', folder],
      ];
      await cli.ok(['build', '-q', ...flags]);
      const seen = await cli.ok(['run', '--rm', '--network', 'none', 'given', 'cat', '/seen', '/kept']);
      expect(seen.split('\n').map((line) => line.replace(/\s+/g, ' '))).toEqual([
        ...[
          'CapEff: 0000000000000001',
          'NoNewPrivs: 1',
          'from outside',
          'nameserver 9.9.9.9',
          'search x.org',
        ],
        ...['0 50', 'from outside'],
      ]);
      const again = await cli.run(['build', '--progress', 'plain', ...flags]);
      expect(again.stderr).toMatch(/RUN .*\n#\d+ CACHED/);
      const other = await cli.run([
        'build',
        '--explain',
        '--progress',
        'plain',
        '--cap-add',
        'KILL',
        ...flags,
      ]);
      expect(other.stderr).toContain('CAP_KILL');
      expect(other.stderr).toContain('the poststop hook /bin/sh ended with 4: late');
      expect(other.stderr).not.toMatch(/RUN .*\n#\d+ CACHED/);
    });
  });
});
