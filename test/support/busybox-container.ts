import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import {
  containerConfig,
  createRuntime,
  exitCodeOf,
  runContainer,
  type ContainerRequest,
  type ContainerSpec,
  type RunResult,
  type RuntimeOptions,
  type Runtime,
} from '../../src/runtime/index.ts';
import { busyboxLayers, type BusyboxLayers } from './rootfs.ts';
import { tempFolder } from './temp-folder.ts';

/** A busybox image in a fresh overlay, and a runtime for it. */
export interface BusyboxHost {
  readonly folder: string;
  readonly layers: BusyboxLayers;
  readonly runtime: Runtime;
}

export function busyboxHost(cgroups: RuntimeOptions['cgroups'] = 'auto'): BusyboxHost {
  const folder = tempFolder('container').path;
  const runtime = createRuntime({ stubs: join(folder, 'runtime'), cgroups });
  return { folder, layers: busyboxLayers(folder), runtime };
}

export interface SpecChanges extends Partial<ContainerRequest> {
  /** Over everything the request makes. */
  readonly spec?: Partial<ContainerSpec>;
}

/** The spec of a RUN-like container in the host's overlay; a text as command goes to `sh -c`. */
export function busyboxSpec(
  host: BusyboxHost,
  command: string | readonly string[],
  { spec = {}, ...request }: SpecChanges = {},
): ContainerSpec {
  const { lower, upper } = host.layers;
  // The kernel refuses the work folder of an earlier volatile mount.
  const work = mkdtempSync(join(host.layers.work, 'w-'));
  return {
    id: `test-${randomUUID()}`,
    config: containerConfig({
      purpose: 'build',
      args: typeof command === 'string' ? ['/bin/sh', '-c', command] : command,
      user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
      hostname: 'buildkitsandbox',
      network: 'none',
      processors: 2,
      ...request,
    }),
    rootfs: { kind: 'overlay', overlay: { lowers: [lower], upper, work }, volatile: true },
    stdio: 'pipe',
    ...spec,
  };
}

export interface Finished extends RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runBusybox(
  host: BusyboxHost,
  command: string | readonly string[],
  changes: SpecChanges & { readonly signal?: AbortSignal } = {},
): Promise<Finished> {
  const { signal, ...rest } = changes;
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const result = await runContainer(host.runtime, busyboxSpec(host, command, rest), {
    signal,
    onStdout: (chunk) => stdout.push(chunk),
    onStderr: (chunk) => stderr.push(chunk),
  });
  return {
    ...result,
    code: exitCodeOf(result.status),
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  };
}
