import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  containerConfig,
  createRuntime,
  exitCodeOf,
  runContainer,
  securityModules,
  type ContainerSpec,
} from '../../src/runtime/index.ts';
import { busyboxLayers } from '../support/rootfs.ts';

/**
 * What runs in the small machine with SELinux on and no policy loaded: the kernel then knows its first labels by name,
 * and forbids nothing. That a label arrives is seen; what a policy makes of it, and labels of mounts, are not.
 */
if (!readFileSync('/proc/1/cmdline', 'latin1').includes('/run/guest'))
  throw new Error('not in the small machine');
const folder = '/run/work';
mkdirSync(folder);
execFileSync('mount', ['-t', 'selinuxfs', 'selinuxfs', '/sys/fs/selinux']);
const runtime = createRuntime({ stubs: join(folder, 'runtime') });

async function run(id: string, label?: string): Promise<string> {
  const { lower, upper, work } = busyboxLayers(join(folder, id));
  const made = containerConfig({
    purpose: 'run',
    args: ['/bin/sh', '-c', 'cat /proc/self/attr/current'],
    user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
    hostname: 'vm',
    network: 'none',
    processors: 2,
  });
  const process = { ...made.process, selinuxLabel: label };
  const config = { ...made, process };
  const overlay = { lowers: [lower], upper, work };
  const spec: ContainerSpec = {
    id,
    config,
    rootfs: { kind: 'overlay', overlay, volatile: true },
    stdio: 'pipe',
  };
  let output = '';
  const receive = (chunk: Buffer): void => void (output += chunk.toString());
  const { status } = await runContainer(runtime, spec, { onStdout: receive, onStderr: receive });
  return `${output.replaceAll('\0', ' ').trim()} ${exitCodeOf(status)}`;
}

try {
  const seen = [
    securityModules().join(),
    await run('without'),
    await run('process', 'unlabeled'),
    await run('other', 'file'),
  ];
  process.stdout.write(`${JSON.stringify(seen)}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify(String(error))}\n`);
}
