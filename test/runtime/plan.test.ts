import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RuntimeConfig } from '../../src/oci/runtime-spec.ts';
import {
  containerConfig,
  encodeRequest,
  planSetup,
  type ContainerSpec,
  type HostFacts,
  type SetupOp,
} from '../../src/runtime/index.ts';
import { parseMountOptions } from '../../src/runtime/plan/mount-options.ts';
import { splitLowers } from '../../src/runtime/plan/mounts.ts';

const host: HostFacts = {
  scratch: { root: '/store/mnt/root', tree: '/store/mnt/tree' },
  stubs: '/store/stubs/0123',
  cgroup: { version: 'none', folders: [], cleanup: [] },
  inUserNamespace: false,
  architecture: 'x86_64',
};

function spec(change: Partial<ContainerSpec> = {}, config: Partial<RuntimeConfig> = {}): ContainerSpec {
  const made = containerConfig({
    purpose: 'build',
    args: ['/bin/sh', '-c', 'make'],
    user: { uid: 1000, gid: 1000, additionalGids: [1000, 27], home: '/home/app' },
    cwd: '/src',
    hostname: 'buildkitsandbox',
    network: 'none',
    processors: 1,
    files: { resolvConf: '/store/resolv.conf', hosts: '/store/hosts' },
  });
  return {
    id: 'step',
    config: { ...made, ...config },
    rootfs: {
      kind: 'overlay',
      overlay: { lowers: ['/store/2', '/store/1'], upper: '/store/up', work: '/store/work' },
      volatile: true,
    },
    stdio: 'pipe',
    createCwd: true,
    ...change,
  };
}

/** One operation a line, filters by name only: they have goldens of their own. */
function print(plan: readonly SetupOp[]): string {
  const lines = plan.map(({ kind, ...fields }) =>
    'program' in fields ? kind : `${kind} ${JSON.stringify(fields)}`.replace(/ \{\}$/, ''),
  );
  return `${lines.join('\n')}\n`;
}

function linux(config: RuntimeConfig, change: Partial<RuntimeConfig['linux']>): Partial<RuntimeConfig> {
  return { linux: { ...config.linux, ...change } };
}

describe('the plan of a container', () => {
  const base = spec();
  const v1: HostFacts['cgroup'] = {
    version: 'v1',
    folders: [
      { controller: 'devices', path: '/sys/fs/cgroup/devices/tsbuild/step' },
      { controller: 'memory', path: '/sys/fs/cgroup/memory/tsbuild/step' },
    ],
    cleanup: ['/sys/fs/cgroup/devices/tsbuild/step', '/sys/fs/cgroup/memory/tsbuild/step'],
  };
  const path = '/sys/fs/cgroup/tsbuild/step';
  const v2: HostFacts['cgroup'] = {
    version: 'v2',
    folders: [{ controller: 'unified', path }],
    cleanup: [path],
    deviceProgram: new Uint8Array(16),
  };
  const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  const cases: [name: string, spec: ContainerSpec, host: HostFacts][] = [
    ['run-step-v1', base, { ...host, cgroup: v1 }],
    ['run-step-v2', base, { ...host, cgroup: v2 }],
    [
      'terminal',
      spec(
        { stdio: 'terminal' },
        { process: { ...base.config.process, consoleSize: { width: 80, height: 24 } } },
      ),
      host,
    ],
    [
      'user-namespace',
      spec(
        {},
        linux(base.config, {
          namespaces: [...base.config.linux.namespaces, { type: 'user' }],
          uidMappings: mappings,
          gidMappings: mappings,
        }),
      ),
      host,
    ],
    [
      'rootless',
      spec(
        {},
        linux(base.config, {
          namespaces: base.config.linux.namespaces.filter(({ type }) => type !== 'network'),
          sysctl: {},
        }),
      ),
      { ...host, inUserNamespace: true, capabilities: ['CAP_CHOWN', 'CAP_SETUID'] },
    ],
    [
      'joined',
      spec(
        { rootfs: { kind: 'bind', path: '/rootfs' } },
        {
          ...linux(base.config, {
            namespaces: [
              { type: 'mount' },
              { type: 'network', path: '/run/netns/a' },
              { type: 'pid', path: '/proc/7/ns/pid' },
            ],
            sysctl: { 'net.core.somaxconn': '5' },
            rootfsPropagation: 'rslave',
            seccomp: undefined,
          }),
          root: { path: '', readonly: true },
        },
      ),
      host,
    ],
  ];
  it.each(cases)('golden: %s', async (name, given, facts) => {
    await expect(print(planSetup(given, facts))).toMatchFileSnapshot(
      join(import.meta.dirname, 'goldens', `plan-${name}.txt`),
    );
  });

  const wrong: [name: string, spec: ContainerSpec][] = [
    ['no command', spec({}, { process: { ...base.config.process, args: [] } })],
    ['a relative working directory', spec({}, { process: { ...base.config.process, cwd: 'src' } })],
    [
      'a namespace named twice',
      spec({}, linux(base.config, { namespaces: [{ type: 'mount' }, { type: 'mount' }] })),
    ],
    ['no mount namespace', spec({}, linux(base.config, { namespaces: [{ type: 'pid' }] }))],
    ['a relative mount point', spec({}, { mounts: [{ destination: 'x', type: 'tmpfs' }] })],
    ['a mount without a type', spec({}, { mounts: [{ destination: '/x' }] })],
    ['a bind without a source', spec({}, { mounts: [{ destination: '/x', type: 'bind' }] })],
    [
      'a limit given twice',
      spec(
        {},
        {
          process: {
            ...base.config.process,
            rlimits: [
              { type: 'RLIMIT_CPU', soft: 1, hard: 1 },
              { type: 'RLIMIT_CPU', soft: 1, hard: 1 },
            ],
          },
        },
      ),
    ],
    ['a sysctl that leaves its folder', spec({}, linux(base.config, { sysctl: { 'net.../../x': '1' } }))],
    [
      'a sysctl of the host’s network',
      spec(
        {},
        linux(base.config, { namespaces: [{ type: 'mount' }], sysctl: { 'net.core.somaxconn': '5' } }),
      ),
    ],
    ['an unknown propagation', spec({}, linux(base.config, { rootfsPropagation: 'toString' }))],
    [
      'an id-mapped mount without a map',
      spec({}, { mounts: [{ destination: '/x', type: 'bind', source: '/', options: ['idmap'] }] }),
    ],
  ];
  it.each(wrong)('R-05 refuses %s', (_, given) => {
    expect(() => planSetup(given, host)).toThrow(expect.objectContaining({ code: 'RUNTIME_SETUP' }));
  });

  it('R-28 refuses a label it cannot set', () => {
    const process = { ...base.config.process, apparmorProfile: 'docker-default' };
    expect(() => planSetup(spec({}, { process }), host)).toThrow(
      expect.objectContaining({ code: 'HOST_UNSUPPORTED' }),
    );
  });

  it('refuses a NUL in what the kernel would cut there', () => {
    const plan = planSetup(spec({}, { hostname: 'a\0b' }), host);
    expect(() => encodeRequest(plan)).toThrow(expect.objectContaining({ code: 'RUNTIME_SETUP' }));
  });
});

describe('mount options', () => {
  const cases: [options: string[], result: object][] = [
    [['ro', 'nosuid'], { changes: { set: ['ro', 'nosuid'] } }],
    [['ro', 'rw'], { changes: { clear: ['ro'], set: [] } }],
    [['rbind', 'rro', 'rslave'], { bind: 'rbind', changes: { recursiveSet: ['ro'], propagation: 'rslave' } }],
    [['relatime', 'rnoexec'], { changes: { set: ['relatime'], recursiveSet: ['noexec'] } }],
    [
      ['size=64k', 'mode=755', 'sync'],
      {
        data: [
          { key: 'size', value: '64k' },
          { key: 'mode', value: '755' },
          { key: 'sync', value: undefined },
        ],
      },
    ],
    [['defaults', 'silent', 'newinstance'], { data: [], bind: 'no' }],
    [['lowerdir=/a=b:/c'], { data: [{ key: 'lowerdir', value: '/a=b:/c' }] }],
  ];
  it.each(cases)('R-13 %j', (options, result) => {
    expect(parseMountOptions(options)).toMatchObject(result);
  });

  it('splits the layers of an overlay, escapes undone', () => {
    expect(splitLowers('/a:/b\\:c:/d\\\\e')).toEqual(['/a', '/b:c', '/d\\e']);
  });
});
