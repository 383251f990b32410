import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { TsbuildError, type Usage } from '../core/index.ts';
import { inUserNamespace, makeFolder, startLauncher, type Launcher } from '../sys/index.ts';
import { cgroupManager, v2Usage, type Cgroup, type CgroupManager, type CgroupName } from './cgroup/index.ts';
import { LaunchedContainer } from './container.ts';
import { v2FolderOf } from './exec-cgroup.ts';
import { coveredMounts, coveredProcWarning } from './covered-mounts.ts';
import { hasSingleId, ownMappedIds, singleIdWarning } from './mapped-ids.ts';
import { ownCapabilities } from './own-capabilities.ts';
import { encodeRequest } from './plan/encode.ts';
import { openHostHooks } from './hooks/host-hooks.ts';
import type { Isolation } from './isolation.ts';
import { planChroot } from './plan/chroot.ts';
import type { HostFacts } from './plan/host.ts';
import { planSetup } from './plan/plan.ts';
import { encodeCommand } from './reports.ts';
import { hostSeccompArch } from './seccomp/index.ts';
import { securityModules } from './security-modules.ts';
import { SpareLaunchers } from './spare-launchers.ts';
import { stubTargets } from './stub-targets.ts';
import { ensureStubs } from './stubs.ts';
import type { Container, ContainerSpec, CreateOptions, Runtime } from './types.ts';

export interface RuntimeOptions {
  /** A host folder of the runtime's own, on a local file system: mount points and scratch folders are kept there. */
  readonly stubs: string;
  /** `none`: without limits and device rules. `auto`, the default: what the machine has. Or one made by the caller. */
  readonly cgroups?: 'auto' | 'none' | CgroupManager | undefined;
  /** `namespaces` unless told; with `chroot` a caller has put what the config mounts into the root's folder. */
  readonly isolation?: Isolation | undefined;
  /** Among those of every container: what the isolation lacks. */
  readonly warning?: string | undefined;
}

/** The runtime of this machine. Cheap: nothing is started before the first container. */
export function createRuntime(options: RuntimeOptions): Runtime {
  const machine = new Machine(options);
  const { isolation = 'namespaces' } = options;
  return {
    isolation,
    create: (spec, createOptions) => createContainer(machine, spec, createOptions),
    expect: () => machine.launchers.expect(),
    [Symbol.dispose]: () => machine.launchers[Symbol.dispose](),
  };
}

/** What is the same for all containers, found out when first needed. */
class Machine {
  readonly options: RuntimeOptions;
  readonly launchers = new SpareLaunchers();
  #facts: Omit<HostFacts, 'stubs' | 'cgroup'> | undefined;
  #cgroups: CgroupManager | undefined;

  constructor(options: RuntimeOptions) {
    this.options = options;
  }

  get cgroups(): CgroupManager {
    const { cgroups = 'auto' } = this.options;
    this.#cgroups ??= typeof cgroups === 'string' ? cgroupManager(cgroups, this.facts) : cgroups;
    return this.#cgroups;
  }

  get facts(): Omit<HostFacts, 'stubs' | 'cgroup'> {
    this.#facts ??= readFacts(this.options.stubs);
    return this.#facts;
  }
}

function readFacts(stubs: string): Omit<HostFacts, 'stubs' | 'cgroup'> {
  const scratch = { root: join(stubs, 'mnt', 'root'), tree: join(stubs, 'mnt', 'tree') };
  for (const folder of Object.values(scratch)) makeFolder(folder, 0o700);
  return {
    scratch,
    inUserNamespace: inUserNamespace(),
    ids: ownMappedIds(),
    capabilities: ownCapabilities(),
    architecture: hostSeccompArch(),
    modules: securityModules(),
    covered: inUserNamespace() ? coveredMounts(readFileSync('/proc/self/mountinfo', 'latin1')) : undefined,
  };
}

/**
 * What a container of any process of this machine, PID 1 of which is `pid`, has used up to now, read from its cgroup;
 * undefined when it has none, or is gone.
 */
export function containerUsage(name: CgroupName, pid: number): Usage | undefined {
  const usage = cgroupManager('auto', { inUserNamespace: inUserNamespace() }).usage(name);
  if (usage !== undefined) return usage;
  // An ordinary user's commands have a delegated cgroup each, and only the container's own process knows in which it is.
  const folder = v2FolderOf(pid);
  return folder !== undefined && basename(folder) === name.id ? v2Usage(folder) : undefined;
}

/** Removes the cgroups that a killed process left of a container that has ended, wherever its parent is. */
export function discardCgroups(name: CgroupName): void {
  try {
    cgroupManager('auto', { inUserNamespace: inUserNamespace() }).discard(name);
  } catch {
    // One that could never be made: its name is none.
  }
}

/** The same for all whose id `isLeft` knows, below the parent that was asked for, and where all others are. */
export function discardCgroupsOf(isLeft: (id: string) => boolean, parent?: string): void {
  try {
    const cgroups = cgroupManager('auto', { inUserNamespace: inUserNamespace() });
    cgroups.discardBelow(undefined, isLeft);
    if (parent !== undefined) cgroups.discardBelow(parent, isLeft);
  } catch {
    // A parent that none can have.
  }
}

/** An id becomes the name of cgroup folders. */
const validId = /^[A-Za-z0-9_.-]{1,128}$/;

async function createContainer(
  machine: Machine,
  spec: ContainerSpec,
  { signal, start = false, warn }: CreateOptions = {},
): Promise<Container> {
  if (!validId.test(spec.id) || spec.id === '.' || spec.id === '..') {
    throw new TsbuildError('RUNTIME_SETUP', `the container id ${JSON.stringify(spec.id)} is malformed`);
  }
  if (signal?.aborted === true) throw new TsbuildError('INTERRUPTED', 'the container was not started');
  const { resources = {}, cgroupsPath } = spec.config.linux;
  const cgroup = machine.cgroups.create({ id: spec.id, path: cgroupsPath }, resources);
  let launcher: Launcher | undefined;
  try {
    // Before its request is made: it takes as long to start.
    launcher = launcherFor(machine, spec);
    return await launch(machine, spec, { launcher, cgroup, signal, start, warn });
  } catch (error) {
    launcher?.control.destroy();
    cgroup.remove();
    throw error;
  }
}

function launcherFor({ launchers }: Machine, spec: ContainerSpec): Launcher {
  const { stdio: output, stdin, streams, muted } = spec;
  return output === 'pipe' ? launchers.take() : startLauncher({ output, stdin, streams, muted });
}

async function launch(
  machine: Machine,
  spec: ContainerSpec,
  run: { readonly launcher: Launcher; readonly cgroup: Cgroup } & CreateOptions,
): Promise<Container> {
  const { launcher, cgroup, signal, start = false, warn } = run;
  using opened = new DisposableStack();
  const { stubs: folder } = machine.options;
  const rootPath = machine.facts.scratch.root;
  const hooks = openHostHooks(spec, { rootPath, signal });
  opened.use(hooks);
  const stubs =
    spec.rootfs.kind === 'overlay' ? ensureStubs(join(folder, 'stubs'), stubTargets(spec)) : undefined;
  const facts = { ...machine.facts, stubs, cgroup: cgroup.placement, bundle: hooks?.bundle };
  const plan = machine.options.isolation === 'chroot' ? planChroot(spec, facts) : planSetup(spec, facts);
  const request = encodeRequest(plan);
  const { warning } = machine.options;
  const warnings = [
    ...(warning === undefined ? [] : [warning]),
    ...missingIds(machine),
    ...missingProc(machine, spec),
    ...missingDeviceRules(machine, spec, cgroup.placement.version),
  ];
  const container = new LaunchedContainer({
    id: spec.id,
    plan,
    launcher,
    cgroup,
    warnings,
    startAtOnce: start,
    hooks,
    warn,
  });
  opened.move();
  launcher.control.write(start ? Buffer.concat([request, encodeCommand('start')]) : request);
  container.killOn(signal);
  try {
    await container.ready();
    return container;
  } catch (error) {
    await container[Symbol.asyncDispose]();
    throw error;
  }
}

function missingIds({ facts }: Machine): string[] {
  return facts.ids !== undefined && hasSingleId(facts.ids) ? [singleIdWarning] : [];
}

function missingProc({ facts }: Machine, { config }: ContainerSpec): string[] {
  return facts.covered?.proc === true && config.mounts.some(({ type }) => type === 'proc')
    ? [coveredProcWarning]
    : [];
}

function missingDeviceRules(machine: Machine, spec: ContainerSpec, version: string): string[] {
  const rules = spec.config.linux.resources?.devices ?? [];
  if (version !== 'none' || rules.length === 0 || machine.facts.inUserNamespace) return [];
  return ['no writable cgroups: the container runs without resource accounting and device rules'];
}
