import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';

import type { LinuxConfig, ProcessConfig } from '../../src/oci/runtime-spec.ts';
import { ReportReader, type Report } from '../../src/runtime/reports.ts';
import { setupError } from '../../src/runtime/errors.ts';
import {
  askedLabels,
  containerConfig,
  encodeRequest,
  parseSecurityOptions,
  planExec,
  planSetup,
  requireSecurity,
  selinuxLabels,
  type ContainerSpec,
  type HostFacts,
  type SecurityModule,
  type SetupOp,
} from '../../src/runtime/index.ts';
import { packageRoot } from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

function host(...modules: SecurityModule[]): HostFacts {
  return {
    scratch: { root: '/store/mnt/root', tree: '/store/mnt/tree' },
    stubs: undefined,
    cgroup: { version: 'none', folders: [], cleanup: [] },
    inUserNamespace: false,
    architecture: 'x86_64',
    modules,
  };
}

function spec(process: Partial<ProcessConfig>, linux: Partial<LinuxConfig> = {}): ContainerSpec {
  const config = containerConfig({
    purpose: 'run',
    args: ['true'],
    user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
    hostname: 'h',
    network: 'none',
    processors: 1,
  });
  return {
    id: 'labelled',
    config: {
      ...config,
      process: { ...config.process, ...process },
      linux: { ...config.linux, ...linux },
    },
    rootfs: {
      kind: 'overlay',
      overlay: { lowers: ['/store/1'], upper: '/store/up', work: '/store/work' },
      volatile: true,
    },
    stdio: 'pipe',
  };
}

const labels = (plan: readonly SetupOp[]): readonly SetupOp[] => plan.filter(({ kind }) => kind === 'label');

describe('labels of a program', () => {
  it('R-28 an AppArmor profile is set while the host’s /proc is there', () => {
    const plan = planSetup(spec({ apparmorProfile: 'docker-default' }), host('apparmor'));
    const kinds = plan.map(({ kind }) => kind);
    expect(labels(plan)).toEqual([
      { kind: 'label', attribute: 'apparmor/exec', value: 'exec docker-default' },
    ]);
    expect(kinds.indexOf('clone')).toBeLessThan(kinds.indexOf('label'));
    expect(kinds.indexOf('label')).toBeLessThan(kinds.indexOf('root-overlay'));
    const bytes = encodeRequest(labels(plan));
    const words = [bytes.readUInt32LE(12), bytes.toString('latin1')];
    expect(words).toEqual([50, expect.stringMatching(/apparmor\/exec\0.{4}exec docker-default\0$/s)]);
  });

  it('R-28 an SELinux label is that of the keyring, too, and set before it is joined', () => {
    const label = 'system_u:system_r:container_t:s0:c1,c2';
    const plan = planSetup(spec({ selinuxLabel: label }), host('selinux'));
    expect(labels(plan)).toEqual([
      { kind: 'label', attribute: 'exec', value: label },
      { kind: 'label', attribute: 'keycreate', value: label },
    ]);
    const kinds = plan.map(({ kind }) => kind);
    expect(kinds.indexOf('label')).toBeLessThan(kinds.indexOf('keyring'));
  });

  it('R-28 the mount label is in the mounts that take one, and in no other', () => {
    const label = 'system_u:object_r:container_file_t:s0:c1,c2';
    const plan = planSetup(spec({}, { mountLabel: label }), host('selinux'));
    const labelled = plan.flatMap((op) => {
      if (op.kind === 'root-overlay') return op.layers.context === label ? ['/'] : [];
      if (op.kind !== 'mount') return [];
      return op.options.some(({ key, value }) => key === 'context' && value === label)
        ? [op.destination]
        : [];
    });
    expect(labelled).toEqual(['/', '/dev', '/dev/pts', '/dev/shm']);
  });

  it('R-28 one more process in a container has its labels, set before it enters', () => {
    const target = { pid: 42, cgroupFiles: [] };
    const plan = planExec(spec({ apparmorProfile: 'p' }), target, host('apparmor'));
    const kinds = plan.map(({ kind }) => kind);
    expect(labels(plan)).toHaveLength(1);
    expect(kinds.indexOf('label')).toBeLessThan(kinds.indexOf('enter'));
  });

  it('R-28 unconfined is left out where there is no AppArmor, and set where there is', () => {
    const given = spec({ apparmorProfile: 'unconfined' });
    expect(labels(planSetup(given, host()))).toEqual([]);
    expect(labels(planSetup(given, host('apparmor')))).toEqual([
      { kind: 'label', attribute: 'apparmor/exec', value: 'exec unconfined' },
    ]);
  });

  const refused: [name: string, spec: ContainerSpec, code: string][] = [
    ['a profile without AppArmor', spec({ apparmorProfile: 'docker-default' }), 'HOST_UNSUPPORTED'],
    ['a label without SELinux', spec({ selinuxLabel: 'u:r:t:s0' }), 'HOST_UNSUPPORTED'],
    ['a mount label without SELinux', spec({}, { mountLabel: 'u:r:t:s0' }), 'HOST_UNSUPPORTED'],
  ];
  it.each(refused)('R-28 refuses %s', (_, given, code) => {
    expect(() => planSetup(given, host())).toThrow(expect.objectContaining({ code }));
  });

  it('R-28 refuses a name that is more than one line, and one that would end its quotes', () => {
    for (const apparmorProfile of ['a\nb', 'a\0', 'x'.repeat(5000)]) {
      const given = spec({ apparmorProfile });
      expect(() => planSetup(given, host('apparmor'))).toThrow(
        expect.objectContaining({ code: 'RUNTIME_SETUP' }),
      );
    }
    const given = spec({}, { mountLabel: 'a",upperdir=/etc,context="b' });
    expect(() => planSetup(given, host('selinux'))).toThrow(
      expect.objectContaining({ code: 'RUNTIME_SETUP' }),
    );
  });
});

/** What the launcher says to this one operation; `inside`: a script for a mount namespace of its own, around it. */
async function reportsOf(op: SetupOp, inside = ''): Promise<Report[]> {
  requires('root');
  const clone: SetupOp = { kind: 'clone', create: [], join: [], output: 'pipes', uidMap: '', gidMap: '' };
  const script = `set -e; mount --make-rprivate /; ${inside}\nexec "$0"`;
  const child = spawn('unshare', ['-m', 'sh', '-c', script, join(packageRoot(), 'dist/native/launcher')], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const control = child.stdio[3] as Socket;
  const reader = new ReportReader();
  const reports: Report[] = [];
  control.on('data', (chunk: Buffer) => {
    reports.push(...reader.push(chunk));
    control.end();
  });
  control.on('error', () => undefined);
  control.write(encodeRequest([clone, op]));
  await once(child, 'close');
  return reports;
}

describe('labels of SELinux', () => {
  const contexts =
    'process = "system_u:system_r:container_t:s0"\nfile = "system_u:object_r:container_file_t:s0"\nro_file="x:y:z:s0"\n';

  function policy(text: string): ReturnType<typeof tempFolder> {
    const folder = tempFolder('selinux', { remove: true });
    mkdirSync(join(folder.path, 'mls/contexts'), { recursive: true });
    writeFileSync(join(folder.path, 'config'), '# the policy\nSELINUXTYPE=mls\n');
    writeFileSync(join(folder.path, 'mls/contexts/lxc_contexts'), text);
    return folder;
  }

  const id = 'a'.repeat(64);
  const cases: [asked: string[], process: RegExp, mount: RegExp][] = [
    [
      ['type:spc_t'],
      /^system_u:system_r:spc_t:s0:c\d+,c\d+$/,
      /^system_u:object_r:container_file_t:s0:c\d+,c\d+$/,
    ],
    [
      ['level:s0:c100,c200', 'user:me_u', 'role:me_r', 'filetype:web_t'],
      /^me_u:me_r:container_t:s0:c100,c200$/,
      /^me_u:object_r:web_t:s0:c100,c200$/,
    ],
  ];
  it.each(cases)('R-28 %j is laid over those of the policy', (asked, process, mount) => {
    using etc = policy(contexts);
    const given = selinuxLabels(asked, { id, etc: etc.path });
    expect(given).toEqual({
      process: expect.stringMatching(process) as string,
      mount: expect.stringMatching(mount) as string,
    });
    expect(selinuxLabels(asked, { id, etc: etc.path })).toEqual(given);
  });

  it('R-28 containers have categories of their own, always two different ones', () => {
    using etc = policy(contexts);
    const levels = Array.from({ length: 200 }, (_, index) => {
      const { process, mount } = selinuxLabels([], { id: `c${index}`, etc: etc.path });
      const [, first, second] = /:s0:c(\d+),c(\d+)$/.exec(process) ?? [];
      expect(Number(first)).toBeLessThan(Number(second));
      expect(Number(second)).toBeLessThan(1024);
      expect(mount.endsWith(`:s0:c${first},c${second}`)).toBe(true);
      return `${first},${second}`;
    });
    expect(new Set(levels).size).toBeGreaterThan(190);
  });

  it('R-28 a policy without containers is an error; disable and nothing asked for are no labels', () => {
    using etc = policy('file = "only"\n');
    expect(() => selinuxLabels([], { id, etc: etc.path })).toThrow(
      expect.objectContaining({ code: 'HOST_UNSUPPORTED' }),
    );
    expect(askedLabels(parseSecurityOptions([]), id)).toBeUndefined();
    expect(askedLabels(parseSecurityOptions(['label=type:x', 'label=disable']), id)).toBeUndefined();
  });

  it('R-28 what the machine has may be asked for', () => {
    const asked = parseSecurityOptions(['apparmor=docker-default', 'label=type:spc_t']);
    expect(() => {
      requireSecurity(asked, ['apparmor', 'selinux']);
    }).not.toThrow();
    for (const modules of [['apparmor'], ['selinux'], []] as SecurityModule[][]) {
      expect(() => {
        requireSecurity(asked, modules);
      }).toThrow(expect.objectContaining({ code: 'HOST_UNSUPPORTED' }));
    }
  });
});

describe('the launcher', () => {
  const op: SetupOp = { kind: 'label', attribute: 'apparmor/exec', value: 'exec nobody-has-this' };

  it('R-28 a label that the kernel does not take is an error with its step', async () => {
    const [report] = await reportsOf(op);
    expect(report).toMatchObject({ kind: 'error', operation: 1 });
    if (report?.kind !== 'error') return;
    // ENOENT: no AppArmor, or no such profile.
    expect(setupError(report, [op, op]).message).toMatch(
      /^cannot set up the container \(label\): (open|write) thread-self\/attr\/apparmor\/exec: .*\(ENOENT\)$/,
    );
  });

  /** A folder that looks like a procfs as far as the launcher goes, with a file that would take any label. */
  const forged =
    'mount -t tmpfs tmpfs /run; mkdir /run/real-proc; mount --bind /proc /run/real-proc; mount -t tmpfs tmpfs /proc; mkdir -p /proc/self/fd /proc/thread-self/attr; touch /proc/thread-self/attr/exec; ln -s /run/real-proc/self/exe /proc/self/exe';
  const covered: [name: string, script: string, text: RegExp][] = [
    ['a forged /proc', forged, /^\/proc is not a procfs/],
  ];
  it.each(covered)('R-28 S-04 CVE-2019-19921: %s takes no label', async (_, script, text) => {
    const [report] = await reportsOf({ kind: 'label', attribute: 'exec', value: 'x' }, script);
    expect(report).toMatchObject({ kind: 'error', text: expect.stringMatching(text) as string });
  });
});
