import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { BuildOptions } from '../../src/build.ts';
import { built, treeLines, type Built } from '../support/built-tree.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

let root: string;

function run(text: readonly string[], options: Partial<BuildOptions> = {}): Promise<Built> {
  const context = makeContext({ Dockerfile: ['FROM busybox:1', ...text, ''].join('\n') });
  return built({ context, root, ...options });
}

function failure(text: readonly string[], options: Partial<BuildOptions> = {}): Promise<unknown> {
  return run(text, options).then(
    () => 'built',
    (error: unknown) => error,
  );
}

const status = "grep -E '^(Cap|Seccomp:)' /proc/self/status | tr -s '\\t ' ' '";

describe('what a RUN step is trusted with', () => {
  requires('root', 'overlay', 'tool:busybox', 'tool:tar');
  beforeAll(async () => {
    ({ root } = await tsbuildWithBusybox());
  });

  const insecure: Partial<BuildOptions> = { allow: new Set(['security.insecure'] as const) };

  it('L-125 a sandbox has fourteen capabilities and a filter, and reads no masked path', async () => {
    const { output } = await run([
      `RUN ${status}; head -c 1 /proc/interrupts | wc -c; touch /sys/x /sys/fs/cgroup/x 2>&1 | grep -c Read-only; ls /dev/fuse 2>/dev/null | wc -l`,
    ]);
    const empty = '0000000000000000';
    const set = '00000000a80425fb';
    expect(output.split('\n')).toEqual([
      `CapInh: ${empty}`,
      `CapPrm: ${set}`,
      `CapEff: ${set}`,
      `CapBnd: ${set}`,
      `CapAmb: ${empty}`,
      'Seccomp: 2',
      '0',
      '2',
      '0',
      '',
    ]);
  });

  it('L-125 --security=insecure has all that the builder has, for every user', async () => {
    const { output } = await run(
      [
        `RUN --security=insecure ${status}; mkdir /t && mount -t tmpfs none /t && echo mounted; grep -c ' /sys sysfs rw' /proc/mounts; head -c 1 /proc/interrupts | wc -c; grep -E ' /sys(/fs/cgroup)? ' /proc/mounts | grep -c ' ro'; ls /dev/fuse /dev/kvm /dev/net/tun /dev/loop-control /dev/loop7 /dev/kmsg | wc -l; dd if=/dev/kmsg of=/dev/null count=1 2>&1 | grep -c '1+0 records in\\|0+1 records in'`,
        'USER 1000',
        `RUN --security=insecure grep -E '^CapEff' /proc/self/status | tr -s '\\t ' ' '`,
      ],
      insecure,
    );
    const lines = output.split('\n');
    const [inherited, permitted, effective, bounding, ambient, seccomp] = lines.map(
      (line) => line.split(' ')[1],
    );
    expect(BigInt(`0x${effective ?? '0'}`) & (1n << 21n)).not.toBe(0n);
    expect([inherited, permitted, bounding, ambient]).toEqual(Array(4).fill(effective));
    expect(seccomp).toBe('0');
    expect(lines.slice(6)).toEqual(['mounted', '1', '1', '0', '6', '1', `CapEff: ${effective ?? ''}`, '']);
  });

  it('L-125 the layer of an insecure step holds none of its devices and mounts', async () => {
    const made = await run(
      ['RUN --security=insecure mkdir /t && mount -t tmpfs none /t && touch /t/x'],
      insecure,
    );
    expect(treeLines(await made.tree()).filter((line) => /^(t|dev|sys|proc)\b/.test(line))).toEqual([
      'dev 755 0:0 directory',
      'proc 755 0:0 directory',
      'sys 755 0:0 directory',
      't 755 0:0 directory',
    ]);
  });

  it('S-62 a crash leaves no memory behind in the layer', async () => {
    const made = await run([
      'RUN mkdir /w && cd /w && ulimit -c && ulimit -Hc && (sh -c "kill -SEGV \\$\\$" || true)',
    ]);
    expect(made.output.split('\n')[0]).toBe('0');
    expect(treeLines(await made.tree()).filter((line) => line.startsWith('w'))).toEqual([
      'w 755 0:0 directory',
    ]);
  });

  it('S-62 a limit for cores that the user gives stands', async () => {
    const limits = { resources: {}, rlimits: [{ type: 'RLIMIT_CORE', soft: 4096, hard: 8192 }] };
    const { output } = await run(['RUN ulimit -c; ulimit -Hc'], { limits });
    expect(output).toBe('8\n16\n');
  });

  it('C-20 R-41 --add-host writes lines into /etc/hosts, and its addresses count for nothing', async () => {
    const hosts = (address: string): Partial<BuildOptions> => ({
      extraHosts: [
        { name: 'db', address },
        { name: 'six', address: '2001:db8::5' },
      ],
    });
    const text = ['RUN tail -2 /etc/hosts; grep -c buildkitsandbox /etc/hosts; touch /made'];
    const first = await run(text, hosts('10.0.0.5'));
    expect(first.output).toBe('10.0.0.5\tdb\n2001:db8::5\tsix\n1\n');
    const second = await run(text, hosts('10.0.0.6'));
    expect([second.ran, second.id]).toEqual([[], first.id]);
    expect((await run(text)).ran).toHaveLength(1);
  });

  describe('--device', () => {
    // Where CDI has them: a build looks nowhere else.
    const folder = '/var/run/cdi';
    const vendor = `tsbuild-${process.pid}.test`;
    const spec = join(folder, `${vendor}.yaml`);
    const allowed: Partial<BuildOptions> = { allow: new Set(['device'] as const) };

    beforeAll(() => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(
        spec,
        `cdiVersion: "0.6.0"
kind: "${vendor}/thing"
containerEdits:
  env: [COMMON=yes]
devices:
  - name: one
    annotations:
      org.mobyproject.buildkit.device.class: ${vendor}.class
    containerEdits:
      env: [ONE=1]
      deviceNodes:
        - { path: /dev/things/one, type: c, major: 1, minor: 5, permissions: rw }
      mounts:
        - { hostPath: ${spec}, containerPath: /opt/spec.yaml, options: [ro, bind] }
  - name: two
    containerEdits:
      env: [TWO=2]
  - name: hooked
    containerEdits:
      hooks:
        - { hookName: createContainer, path: /bin/true }
`,
      );
    });
    afterAll(() => rmSync(spec));

    it('L-126 has the node, the variables and the mounts of its spec, and leaves none of them', async () => {
      const made = await run(
        [
          `RUN --device=${vendor}/thing=one echo $COMMON $ONE$TWO; head -c 3 /dev/things/one | wc -c; grep -c cdiVersion /opt/spec.yaml`,
        ],
        allowed,
      );
      expect(made.output).toBe('yes 1\n3\n1\n');
      expect(treeLines(await made.tree()).filter((line) => /^(opt|dev\/)/.test(line))).toEqual([]);
    });

    it('L-126 an optional one may be missing, a required one may not', async () => {
      const made = await run([`RUN --device=${vendor}/none echo without`], allowed);
      expect([made.output, made.warnings]).toEqual([
        'without\n',
        [`the device ${vendor}/none is not registered on this machine: the step runs without it`],
      ]);
      expect(await failure([`RUN --device=${vendor}/thing=on,required true`], allowed)).toMatchObject({
        code: 'HOST_UNSUPPORTED',
        message: `required device "${vendor}/thing=on" is not registered`,
        hint: expect.stringContaining(`did you mean ${vendor}/thing=one?`) as string,
      });
    });

    it('L-126 hooks are refused', async () => {
      expect(await failure([`RUN --device=${vendor}/thing=hooked true`], allowed)).toMatchObject({
        code: 'HOST_UNSUPPORTED',
        message: `the CDI spec of ${vendor}/thing=hooked wants hooks, which are not allowed`,
      });
    });
  });
});
