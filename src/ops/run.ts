import { TsbuildError, type Json } from '../core/index.ts';
import type { PlannedMount, RunStep } from '../graph/index.ts';
import { exitCodeOf, runContainer, type RunResult } from '../runtime/index.ts';
import type { CacheMap, KeyParts, Op, RunContext } from '../solver/index.ts';
import { SecretMask } from './mask.ts';
import { runMounts } from './run/mounts.ts';
import { runSpec } from './run/spec.ts';
import { commitState } from './state.ts';
import type { BuildServices, State } from './types.ts';

/** RUN: a command in a container on top of the parent's files; what it changed is the next layer. */
export class RunOp implements Op<State> {
  readonly #step: RunStep;
  readonly #services: BuildServices;

  constructor(step: RunStep, services: BuildServices) {
    this.#step = step;
    this.#services = services;
  }

  async cacheMap(): Promise<CacheMap<State>> {
    return {
      parts: keyParts(this.#step),
      inputs: [{ contentDigest: async (state) => (await state.settled).contentDigest }],
    };
  }

  async exec([parent]: readonly State[], context: RunContext): Promise<State> {
    if (parent === undefined) throw new Error('RUN has no root to run in');
    await using active = await this.#services.snapshotter.prepare(parent.snapshot);
    await using mounts = await runMounts(this.#step, this.#services, context);
    const spec = await runSpec({ step: this.#step, services: this.#services, parent, active, mounts });
    const ended = await this.#run(spec, masked(context, mounts.secrets));
    for (const warning of ended.warnings) context.warn(warning);
    failUnlessZero(this.#step, ended);
    return await commitState(this.#services, parent, active);
  }

  async #run(spec: Parameters<typeof runContainer>[1], output: MaskedOutput): Promise<RunResult> {
    try {
      return await runContainer(this.#services.runtime, spec, {
        signal: output.signal,
        onStdout: (data) => output.log('stdout', data),
        onStderr: (data) => output.log('stderr', data),
      });
    } catch (error) {
      if (!(error instanceof TsbuildError)) throw error;
      // Here it is a step that failed, not tsbuild's own command: 126 and 127 would say the wrong thing to scripts.
      if (error.code !== 'COMMAND_NOT_FOUND' && error.code !== 'COMMAND_NOT_EXECUTABLE') throw error;
      throw new TsbuildError(
        'RUN_FAILED',
        `process ${JSON.stringify(this.#step.display)} could not start: ${error.message}`,
        {
          hint: error.hint ?? 'the first word must be an executable of the image built so far',
          cause: error,
        },
      );
    } finally {
      output.log('stdout');
      output.log('stderr');
    }
  }
}

interface MaskedOutput {
  readonly signal: AbortSignal;
  /** Passes on, without secrets, what has come of a stream; without a chunk, its rest. */
  log(stream: 'stdout' | 'stderr', chunk?: Uint8Array): void;
}

function masked(context: RunContext, secrets: readonly Uint8Array[]): MaskedOutput {
  const masks = { stdout: new SecretMask(secrets), stderr: new SecretMask(secrets) };
  return {
    signal: context.signal,
    log(stream, chunk) {
      const shown = chunk === undefined ? masks[stream].end() : masks[stream].push(chunk);
      if (shown.length > 0) context.log(stream, shown);
    },
  };
}

/**
 * Everything that the command can observe (L-130). Left out on purpose: proxies, secret values, limits. A field that is
 * added to RunStep does not compile until it is classified here.
 */
function keyParts(step: RunStep): KeyParts {
  const {
    kind,
    argv,
    script,
    env,
    proxyEnv: _proxyEnv,
    cwd,
    user,
    network,
    security,
    devices,
    hostname,
    extraHosts,
    mounts,
    platform,
    display: _display,
    ...unclassified
  } = step;
  const none: Record<string, never> = unclassified;
  return {
    ...none,
    op: kind,
    argv,
    script: script === undefined ? null : { name: script.name, content: script.content },
    env,
    cwd,
    user,
    network,
    security,
    devices: devices.map(({ name, required }) => ({ name, required })),
    hostname,
    extraHosts,
    platform: { os: platform.os, architecture: platform.architecture, variant: platform.variant },
    mounts: mounts.map(mountParts),
  };
}

/** `from` is told by the index of the input, whose state has a key of its own. */
function mountParts(mount: PlannedMount): Json {
  const { from: _from, type, target, targetGiven, source, readonly, id, ...more } = mount;
  const { sharing, mode, uid, gid, size, required, env, input, ...unclassified } = more;
  const none: Record<string, never> = unclassified;
  return {
    ...none,
    type,
    target,
    targetGiven,
    source,
    readonly,
    id,
    sharing,
    mode,
    uid,
    gid,
    size,
    required,
    env,
    input,
  };
}

function failUnlessZero(step: RunStep, { status, usage }: RunResult): void {
  if (status.kind === 'exited' && status.code === 0) return;
  const code = exitCodeOf(status);
  const outOfMemory = (usage.oomKills ?? 0) > 0;
  const reason = outOfMemory
    ? ' (out of memory)'
    : status.kind === 'signaled'
      ? ` (killed by signal ${status.signal})`
      : '';
  throw new TsbuildError(
    'RUN_FAILED',
    `process ${JSON.stringify(step.display)} did not complete successfully: exit code: ${code}${reason}`,
    {
      hint: outOfMemory ? 'the step needs more memory than its limit: raise -m/--memory' : hints[code],
    },
  );
}

const hints: Readonly<Record<number, string>> = {
  126: 'a file was found but cannot be executed: check its mode, its #! line and its architecture',
  127: 'a command was not found: check its spelling, or install it in an earlier step',
  137: 'the process was killed (SIGKILL), often for lack of memory on the machine',
  139: 'the process crashed (segmentation fault)',
};
