import { mkdirSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { defaultCapabilityNames } from '../../src/runtime/defaults.ts';
import {
  compileSeccomp,
  containerConfig,
  createRuntime,
  defaultSeccompProfile,
  hostSeccompArch,
  printConfig,
  runContainer,
} from '../../src/runtime/index.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const source = join(import.meta.dirname, 'programs/seccomp-probe.c');
const profile = defaultSeccompProfile(defaultCapabilityNames);
const [EPERM, EINVAL, ENOSYS] = [1, 22, 38];

/** What a program under the default profile meets; nothing is refused that it does not name. */
const underProfile = {
  getpid: 0,
  inet: 0,
  alg: EPERM,
  'alg-high': EPERM,
  vsock: EPERM,
  personality: 0,
  'personality-aslr': EPERM,
  clone3: ENOSYS,
  'clone-user': EPERM,
  clone: 0,
  unshare: EPERM,
  mount: EPERM,
  keyctl: EPERM,
  unknown: ENOSYS,
  ...(process.arch === 'x64' && { 'x32-getpid': ENOSYS, 'i386-getpid': 0, 'i386-unshare': EPERM }),
};

let probe: string;

async function results(argv: readonly string[]): Promise<Record<string, number>> {
  return parse(await runOk(argv));
}

function parse(output: string): Record<string, number> {
  const lines = output.split('\n').map((line) => line.split(' '));
  return Object.fromEntries(lines.map(([name = '', errno]) => [name, Number(errno)]));
}

describe('the kernel', () => {
  requires('root', 'tool:gcc');

  beforeAll(async () => {
    probe = join(tempFolder('seccomp').path, 'probe');
    await runOk(['gcc', '-O1', '-static', '-o', probe, source]);
  });

  it('R-27 S-16 takes the compiled default profile and answers by it', async () => {
    const arch = hostSeccompArch();
    if (arch === undefined) throw new Error(`no tables for ${process.arch}`);
    const filter = join(tempFolder('seccomp').path, 'filter');
    writeFileSync(filter, compileSeccomp(profile, arch));
    expect(await results([probe, filter])).toEqual(underProfile);
  });

  it('R-27 would answer otherwise without it', async () => {
    expect(await results(['unshare', '-m', '--', probe])).toMatchObject({
      clone3: EINVAL,
      unshare: 0,
      'personality-aslr': 0,
      unknown: ENOSYS,
    });
  });

  it('R-27 O-42 answers alike in a container, and under runc with the printed config', async () => {
    requires('tool:runc');
    const bundle = tempFolder('bundle').path;
    const rootfs = join(bundle, 'rootfs');
    mkdirSync(rootfs);
    copyFileSync(probe, join(rootfs, 'probe'));
    const config = containerConfig({
      purpose: 'run',
      args: ['/probe'],
      user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
      hostname: 'probe',
      network: 'none',
      processors: 2,
      ulimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: -1 }],
    });
    const id = `tsbuild-seccomp-${process.pid}`;

    const runtime = createRuntime({ stubs: join(bundle, 'stubs') });
    let output = '';
    const { status } = await runContainer(
      runtime,
      { id, config, rootfs: { kind: 'bind', path: rootfs }, stdio: 'pipe' },
      { onStdout: (chunk) => (output += chunk.toString()) },
    );
    expect(status).toEqual({ kind: 'exited', code: 0 });
    expect(parse(output.trim())).toEqual(underProfile);

    writeFileSync(join(bundle, 'config.json'), printConfig(config));
    const runc = ['runc', '--root', join(bundle, 'state'), 'run', '-b', bundle, id];
    expect(await results(runc)).toEqual(underProfile);
  });
});
