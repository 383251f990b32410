import { describe, expect, it } from 'vitest';

import {
  containerConfig,
  effectiveArgs,
  imageAnnotations,
  printConfig,
  type ContainerRequest,
} from '../../src/runtime/index.ts';
import type { MountConfig } from '../../src/oci/runtime-spec.ts';
import type { ImageConfig } from '../../src/oci/types.ts';

const user = { uid: 1000, gid: 1001, additionalGids: [1001, 10], home: '/home/app', name: 'app' };
const step: ContainerRequest = {
  purpose: 'build',
  args: ['/bin/sh', '-c', 'make'],
  user,
  hostname: 'buildkitsandbox',
  network: 'host',
  processors: 2,
};
const container: ContainerRequest = { ...step, purpose: 'run', hostname: 'web', network: 'none' };

function envOf(request: ContainerRequest): readonly string[] {
  return containerConfig(request).process.env;
}

function mountAt(request: ContainerRequest, destination: string): MountConfig[] {
  return containerConfig(request).mounts.filter((mount) => mount.destination === destination);
}

describe('containerConfig', () => {
  it('R-20…R-31 O-42 gives a RUN step what Docker gives it', async () => {
    const { linux, ...config } = containerConfig(step);
    const { seccomp, ...rest } = linux;
    expect(seccomp?.defaultAction).toBe('SCMP_ACT_ERRNO');
    const printed = `${JSON.stringify({ ...config, linux: rest }, undefined, 2)}\n`;
    await expect(printed).toMatchFileSnapshot('goldens/config-run-step.txt');
  });

  it('R-31 lets setuid programs work unless told otherwise', () => {
    expect(containerConfig(step).process.noNewPrivileges).toBe(false);
    expect(containerConfig({ ...step, noNewPrivileges: true }).process.noNewPrivileges).toBe(true);
  });

  it('R-26 R-53 shares the network only when asked to', () => {
    const namespaces = (request: ContainerRequest): string[] =>
      containerConfig(request).linux.namespaces.map(({ type }) => type);
    expect(namespaces(step)).not.toContain('network');
    expect(namespaces(container)).toContain('network');
    const unknown = { ...step, network: 'bridge' } as unknown as ContainerRequest;
    expect(() => containerConfig(unknown)).toThrow(/unexpected value/);
  });

  it('R-26 adds a user namespace with its maps', () => {
    const uids = [{ containerID: 0, hostID: 100000, size: 65536 }];
    const { linux } = containerConfig({ ...step, idMappings: { uids, gids: uids } });
    expect(linux.namespaces).toContainEqual({ type: 'user' });
    expect(linux).toMatchObject({ uidMappings: uids, gidMappings: uids });
  });

  it('S-09 R-20 keeps inheritable and ambient capabilities empty', () => {
    const { capabilities } = containerConfig({ ...step, capabilities: ['CAP_SYS_ADMIN'] }).process;
    expect(capabilities).toEqual({
      bounding: ['CAP_SYS_ADMIN'],
      effective: ['CAP_SYS_ADMIN'],
      permitted: ['CAP_SYS_ADMIN'],
      inheritable: [],
      ambient: [],
    });
  });

  it('R-27 fits the seccomp profile to the capabilities, or takes another, or none', () => {
    const allowed = (request: ContainerRequest): string[] =>
      (containerConfig(request).linux.seccomp?.syscalls ?? []).flatMap(({ names }) => names);
    expect(allowed(step)).not.toContain('mount');
    expect(allowed({ ...step, capabilities: ['CAP_SYS_ADMIN'] })).toContain('mount');
    expect(containerConfig({ ...step, seccomp: 'unconfined' }).linux).not.toHaveProperty('seccomp');
    const own = { defaultAction: 'SCMP_ACT_LOG' } as const;
    expect(containerConfig({ ...step, seccomp: own }).linux.seccomp).toBe(own);
  });

  it('R-22 masks the counters of each processor', () => {
    const { maskedPaths } = containerConfig({ ...step, processors: 3 }).linux;
    expect(maskedPaths).toContain('/proc/kcore');
    expect(maskedPaths?.filter((path) => path.endsWith('thermal_throttle'))).toHaveLength(3);
  });

  it('R-25 C-22 adds limits to the device rules', () => {
    const { resources } = containerConfig({ ...step, limits: { pids: { limit: 5 } } }).linux;
    expect(resources?.pids).toEqual({ limit: 5 });
    expect(resources?.devices?.[0]).toEqual({ allow: false, access: 'rwm' });
  });

  it('R-29 sets no rlimits unless asked to', () => {
    expect(containerConfig(step).process).not.toHaveProperty('rlimits');
    const ulimits = [{ type: 'RLIMIT_NOFILE', soft: 1, hard: 2 }];
    expect(containerConfig({ ...step, ulimits }).process.rlimits).toEqual(ulimits);
  });

  it('R-30 sets oom_score_adj and the console only when asked to', () => {
    expect(containerConfig(step).process).not.toHaveProperty('oomScoreAdj');
    expect(containerConfig({ ...step, oomScoreAdj: -5 }).process.oomScoreAdj).toBe(-5);
    const consoleSize = { height: 24, width: 80 };
    expect(containerConfig({ ...step, consoleSize }).process).not.toHaveProperty('consoleSize');
    expect(containerConfig({ ...step, consoleSize, terminal: true }).process).toMatchObject({ consoleSize });
  });
});

describe('environment and directory', () => {
  it('R-44 of a RUN step is the image’s and the given, with PATH and HOME', () => {
    const env = envOf({ ...step, image: { Env: ['A=1', 'B=2'] }, env: ['C=3', 'A=4=5'] });
    expect(env).toEqual([
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'A=4=5',
      'B=2',
      'C=3',
      'HOME=/home/app',
    ]);
  });

  it('R-44 leaves PATH, HOME and TERM alone where they are set', () => {
    const image = { Env: ['PATH=/opt', 'HOME=', 'TERM=dumb'] };
    expect(envOf({ ...step, image, terminal: true })).toEqual(['PATH=/opt', 'TERM=dumb', 'HOME=']);
  });

  it('R-44 sets TERM with a terminal, HOSTNAME in a container that is run', () => {
    expect(envOf({ ...step, terminal: true })).toContain('TERM=xterm');
    expect(envOf(step).join()).not.toMatch(/TERM|HOSTNAME/);
    expect(envOf(container)).toContain('HOSTNAME=web');
  });

  it('R-44 removes a variable that is given without a value', () => {
    expect(envOf({ ...step, image: { Env: ['A=1'] }, env: ['A'] }).join()).not.toMatch(/A=/);
  });

  it.each([
    [undefined, undefined, '/'],
    ['/srv', undefined, '/srv'],
    ['/srv', '/opt/', '/opt'],
    ['srv', undefined, '/srv'],
    ['/a/../b/.', undefined, '/b'],
    ['', undefined, '/'],
  ])('O-42 R-11 WorkingDir %j and cwd %j give %j', (WorkingDir, cwd, expected) => {
    expect(containerConfig({ ...step, image: { WorkingDir }, cwd }).process.cwd).toBe(expected);
  });

  it.each([
    ['command', { args: ['a\0b'] }],
    ['environment', { env: ['A=\0'] }],
    ['working directory', { cwd: '/a\0' }],
  ])('refuses a NUL in the %s, where the kernel would cut it short', (what, part) => {
    expect(() => containerConfig({ ...step, ...part })).toThrow(
      expect.objectContaining({ code: 'RUNTIME_SETUP', message: `the ${what} holds a NUL character` }),
    );
  });
});

describe('mounts', () => {
  const bind = (destination: string): MountConfig => ({ destination, type: 'bind', source: '/host' });

  it('R-40 binds the builder’s files read-only', () => {
    const request = { ...step, files: { resolvConf: '/state/resolv.conf', hosts: '/state/hosts' } };
    expect(mountAt(request, '/etc/resolv.conf')).toEqual([
      {
        destination: '/etc/resolv.conf',
        type: 'bind',
        source: '/state/resolv.conf',
        options: ['rbind', 'ro', 'nosuid', 'noexec', 'nodev'],
      },
    ]);
    expect(mountAt(request, '/etc/hosts')).toHaveLength(1);
    expect(mountAt(request, '/etc/hostname')).toHaveLength(0);
  });

  it('C-23 sizes /dev/shm', () => {
    expect(mountAt(step, '/dev/shm')[0]?.options).toContain('size=67108864');
    const options = mountAt({ ...step, shmSize: 4096 }, '/dev/shm')[0]?.options ?? [];
    expect(options.filter((option) => option.startsWith('size='))).toEqual(['size=4096']);
  });

  it('R-12 puts parents before children and keeps the order of equals', () => {
    const mounts = ['/b/c/d', '/z', '/b/c', '/a/x'].map(bind);
    const names = containerConfig({ ...step, mounts }).mounts.map(({ destination }) => destination);
    expect(names.slice(-4)).toEqual(['/z', '/b/c', '/a/x', '/b/c/d']);
  });

  it('R-21 a mount of the user takes the place of the default one and of those below it', () => {
    expect(mountAt({ ...step, mounts: [bind('/dev/shm')] }, '/dev/shm')).toEqual([bind('/dev/shm')]);
    const names = containerConfig({ ...step, mounts: [bind('/dev/')] }).mounts.map(
      (mount) => mount.destination,
    );
    expect(names).toEqual(['/proc', '/sys', '/sys/fs/cgroup', '/dev/']);
    expect(mountAt({ ...step, mounts: [bind('/devices')] }, '/dev/shm')).toHaveLength(1);
  });

  it('R-10 makes the root read-only', () => {
    expect(containerConfig(step).root.readonly).toBe(false);
    expect(containerConfig({ ...step, readonlyRootfs: true }).root.readonly).toBe(true);
  });
});

describe('annotations', () => {
  it('O-42 tell of the image; its labels win', () => {
    const image: ImageConfig = {
      os: 'linux',
      architecture: 'arm64',
      variant: 'v8',
      author: 'me',
      config: {
        Labels: { a: '1', 'org.opencontainers.image.author': 'you' },
        StopSignal: 'SIGINT',
        ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      },
      rootfs: { type: 'layers', diff_ids: [] },
    };
    const annotations = imageAnnotations(image);
    expect(annotations).toEqual({
      'org.opencontainers.image.os': 'linux',
      'org.opencontainers.image.architecture': 'arm64',
      'org.opencontainers.image.variant': 'v8',
      'org.opencontainers.image.stopSignal': 'SIGINT',
      'org.opencontainers.image.exposedPorts': '53/udp,80/tcp',
      'org.opencontainers.image.author': 'you',
      a: '1',
    });
    expect(containerConfig({ ...step, annotations }).annotations).toBe(annotations);
    expect(containerConfig(step)).not.toHaveProperty('annotations');
  });

  it('O-42 of an image without a config', () => {
    const image: ImageConfig = {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [] },
    };
    expect(Object.keys(imageAnnotations(image))).toHaveLength(2);
  });
});

describe('printConfig', () => {
  it('R-11 prints unlimited as the spec has it, and nothing else changed', () => {
    const ulimits = [{ type: 'RLIMIT_CORE', soft: 0, hard: -1 }];
    const text = printConfig(containerConfig({ ...step, ulimits, env: ['A="hard": -1'], oomScoreAdj: -1 }));
    expect(text).toContain('"hard": 18446744073709551615');
    const parsed = JSON.parse(text) as { process: { env: string[]; oomScoreAdj: number } };
    expect(parsed.process.env).toContain('A="hard": -1');
    expect(parsed.process.oomScoreAdj).toBe(-1);
  });
});

describe('effectiveArgs', () => {
  const shell = ['/bin/sh', '-c'];
  const none = undefined;
  const execEntry = ['exec_entry', 'p1_entry'];
  const shellEntry = [...shell, 'exec_entry p1_entry'];
  const execCmd = ['exec_cmd', 'p1_cmd'];
  const shellCmd = [...shell, 'exec_cmd p1_cmd'];

  it.each([
    { Entrypoint: none, Cmd: execCmd, argv: execCmd },
    { Entrypoint: none, Cmd: shellCmd, argv: shellCmd },
    { Entrypoint: shellEntry, Cmd: none, argv: shellEntry },
    { Entrypoint: shellEntry, Cmd: execCmd, argv: [...shellEntry, ...execCmd] },
    { Entrypoint: shellEntry, Cmd: shellCmd, argv: [...shellEntry, ...shellCmd] },
    { Entrypoint: execEntry, Cmd: none, argv: execEntry },
    { Entrypoint: execEntry, Cmd: execCmd, argv: [...execEntry, ...execCmd] },
    { Entrypoint: execEntry, Cmd: shellCmd, argv: [...execEntry, ...shellCmd] },
  ])('L-192 ENTRYPOINT $Entrypoint and CMD $Cmd', ({ Entrypoint, Cmd, argv }) => {
    expect(effectiveArgs({ Entrypoint, Cmd })).toEqual(argv);
  });

  it.each([{}, { Entrypoint: null, Cmd: null }, { Entrypoint: [], Cmd: [] }])(
    'L-192 neither ENTRYPOINT nor CMD (%j) is an error',
    (defaults) => {
      expect(() => effectiveArgs(defaults)).toThrow(
        expect.objectContaining({ code: 'USAGE', hint: 'give a command after the name of the image' }),
      );
    },
  );

  it.each([
    // Overrides, and what becomes of an image with ENTRYPOINT ["e"] and CMD ["c"].
    [{ args: ['x', 'y'] }, ['e', 'x', 'y']],
    [{ args: [] }, ['e', 'c']],
    [{ entrypoint: ['n'] }, ['n']],
    [{ entrypoint: ['n'], args: ['x'] }, ['n', 'x']],
    [{ entrypoint: [''], args: ['x'] }, ['x']],
  ])('L-192 the command line says %j', (overrides, argv) => {
    expect(effectiveArgs({ Entrypoint: ['e'], Cmd: ['c'] }, overrides)).toEqual(argv);
  });

  it('L-192 an emptied entrypoint needs a command', () => {
    expect(() => effectiveArgs({ Entrypoint: ['e'], Cmd: ['c'] }, { entrypoint: [''] })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });
});
