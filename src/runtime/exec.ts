import { closeSync, readFileSync } from 'node:fs';

import { isErrno, TsbuildError } from '../core/index.ts';
import type { ProcessConfig } from '../oci/runtime-spec.ts';
import { openPidfd, openRootDir, signalPidfd, startLauncher, type RootDir } from '../sys/index.ts';
import { noCgroups } from './cgroup/none.ts';
import { LaunchedContainer } from './container.ts';
import { cgroupFilesOf, mayJoin } from './exec-cgroup.ts';
import { insecureCapabilitySets } from './insecure.ts';
import { ownMappedIds } from './mapped-ids.ts';
import { ownCapabilities } from './own-capabilities.ts';
import { encodeRequest } from './plan/encode.ts';
import { planExec } from './plan/exec.ts';
import { hostSeccompArch } from './seccomp/index.ts';
import { securityModules } from './security-modules.ts';
import type { Container, ContainerSpec } from './types.ts';

/** PID 1 of a container that runs, as the host numbers it. */
export interface RunningProcess {
  readonly pid: number;
  /** See `startTicksOf`. Undefined: not known, then the pid alone has to do. */
  readonly startTicks?: number | undefined;
}

export interface ExecRequest {
  /** The container's. */
  readonly spec: ContainerSpec;
  readonly target: RunningProcess;
  /** What to run, given the root of the container, for looking up its users. */
  readonly process: (root: RootDir) => ProcessConfig;
  readonly stdio: ContainerSpec['stdio'];
  readonly stdin?: ContainerSpec['stdin'];
  readonly streams?: ContainerSpec['streams'];
  /** Every capability, and no system call filter. */
  readonly privileged?: boolean | undefined;
  /** Kills it. */
  readonly signal?: AbortSignal | undefined;
}

const outsideWarning =
  'the process runs outside of the cgroup of its container, whose limits do not hold for it (with --detach they do)';

/**
 * Starts one more process in a container that runs; what is returned is that process, which dies when it is disposed of.
 * Throws CONTAINER_STATE when the container has ended meanwhile, COMMAND_NOT_FOUND and COMMAND_NOT_EXECUTABLE.
 */
export async function execInContainer(request: ExecRequest): Promise<Container> {
  const { target, signal } = request;
  using held = holdProcess(target);
  const spec = execSpec(request, held.root);
  const cgroupFiles = cgroupFilesOf(target.pid);
  const place = { pid: target.pid, cgroupFiles: cgroupFiles.filter(mayJoin) };
  const plan = planExec(spec, place, {
    capabilities: ownCapabilities(),
    architecture: hostSeccompArch(),
    modules: securityModules(),
    ids: ownMappedIds(),
  });
  const bytes = encodeRequest(plan);
  const launcher = startLauncher({ output: spec.stdio, stdin: spec.stdin, streams: spec.streams });
  const process = new LaunchedContainer({
    id: spec.id,
    plan,
    launcher,
    // Its cgroups are the container's, and stay.
    cgroup: noCgroups('it is the container’s').create({ id: spec.id }, {}),
    warnings: place.cgroupFiles.length < cgroupFiles.length ? [outsideWarning] : [],
    startAtOnce: false,
  });
  try {
    launcher.control.write(bytes);
    process.killOn(signal);
    await process.ready();
    // Alive until now, so that all along the pid was no other process's.
    held.refuseEnded();
    await process.start();
    return process;
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

function execSpec(request: ExecRequest, root: RootDir): ContainerSpec {
  const { spec, stdio, stdin, streams, privileged = false } = request;
  const { seccomp, ...linux } = spec.config.linux;
  const process = request.process(root);
  const config = {
    ...spec.config,
    process: privileged ? unbound(process) : process,
    linux: privileged || seccomp === undefined ? linux : { ...linux, seccomp },
  };
  return { ...spec, config, stdio, stdin, streams };
}

/** Nobody asks for every capability to have a profile take them away again. */
function unbound(process: ProcessConfig): ProcessConfig {
  return { ...process, capabilities: insecureCapabilitySets, apparmorProfile: 'unconfined' };
}

interface HeldProcess extends Disposable {
  /** Of its mount namespace. */
  readonly root: RootDir;
  refuseEnded(): void;
}

/** A pid names the process it was read for only as long as that process lives: a descriptor of it tells. */
function holdProcess({ pid, startTicks }: RunningProcess): HeldProcess {
  const pidfd = openPidfd(pid);
  if (pidfd === undefined) throw ended();
  const refuseEnded = (): void => {
    const same = startTicks === undefined || startTicksOf(pid) === startTicks;
    if (!same || !signalPidfd(pidfd, 0)) throw ended();
  };
  try {
    refuseEnded();
    const root = openRootDir(`/proc/${pid}/root`);
    return {
      root,
      refuseEnded,
      [Symbol.dispose]: () => {
        root[Symbol.dispose]();
        closeSync(pidfd);
      },
    };
  } catch (error) {
    closeSync(pidfd);
    throw isErrno(error, 'ENOENT', 'ESRCH') ? ended() : error;
  }
}

function ended(): TsbuildError {
  return new TsbuildError('CONTAINER_STATE', 'the container has ended');
}

/** When a process started, in the kernel's ticks since the boot: field 22 of /proc/PID/stat; undefined when it is gone. */
export function startTicksOf(pid: number): number | undefined {
  try {
    // The second field is the program's name in parentheses, and may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '');
    return Number(fields.split(' ')[19]);
  } catch {
    return undefined;
  }
}
