import { TsbuildError, type Usage } from '../core/index.ts';
import type { RunStep } from '../graph/index.ts';
import { deviceEdits, exitCodeOf, runContainer, type RunResult } from '../runtime/index.ts';
import type { CacheMap, Op, RunContext } from '../solver/index.ts';
import { SecretMask } from './mask.ts';
import { keyInputs, keyParts } from './run/key.ts';
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

  async cacheMap(signal?: AbortSignal): Promise<CacheMap<State>> {
    return { parts: keyParts(this.#step), inputs: keyInputs(this.#step, this.#services, signal) };
  }

  async exec(inputs: readonly State[], context: RunContext): Promise<State> {
    const [parent] = inputs;
    if (parent === undefined) throw new Error('RUN has no root to run in');
    await using active = await this.#services.snapshotter.prepare(parent.snapshot);
    await using mounts = await runMounts(this.#step, { services: this.#services, inputs, context });
    const devices = await deviceEdits(this.#step.devices);
    for (const name of devices.missing) {
      context.warn(`the device ${name} is not registered on this machine: the step runs without it`);
    }
    const spec = await runSpec({
      step: this.#step,
      services: this.#services,
      parent,
      active,
      mounts,
      devices,
    });
    const ended = await this.#run(spec, masked(context, mounts.secrets));
    for (const warning of ended.warnings) context.warn(warning);
    context.used(ended.usage);
    failUnlessZero(this.#step, ended);
    warnOfKilled(this.#step, { usage: ended.usage, context });
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

function failUnlessZero(step: RunStep, { status, usage }: RunResult): void {
  if (status.kind === 'exited' && status.code === 0) return;
  const code = exitCodeOf(status);
  const outOfMemory = (usage.oomKills ?? 0) > 0;
  const reason = outOfMemory
    ? ` (out of memory: ${memoryLimit(usage)})`
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

/** A shell goes on when what it called was killed, and what it leaves may be half of what was meant. */
function warnOfKilled(
  { display }: RunStep,
  { usage, context }: { readonly usage: Usage; readonly context: RunContext },
): void {
  const { oomKills = 0 } = usage;
  if (oomKills === 0) return;
  const killed = oomKills === 1 ? 'a process was' : `${oomKills} processes were`;
  context.warn(
    `${JSON.stringify(display)} ended well, but ${killed} killed for lack of memory: ${memoryLimit(usage)}`,
  );
}

/** `the limit is 64 MiB (-m 64m)`, the limit in the largest unit that has no fraction. */
function memoryLimit({ memoryLimit: limit }: Usage): string {
  if (limit === undefined) return 'the limit is that of a cgroup above its own';
  const units = ['', 'k', 'm', 'g'];
  let [value, unit] = [limit, 0];
  while (value % 1024 === 0 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  const name = unit === 0 ? 'bytes' : `${units[unit]?.toUpperCase() ?? ''}iB`;
  return `the limit is ${value} ${name} (-m ${value}${units[unit] ?? ''})`;
}

const hints: Readonly<Record<number, string>> = {
  126: 'a file was found but cannot be executed: check its mode, its #! line and its architecture',
  127: 'a command was not found: check its spelling, or install it in an earlier step',
  137: 'the process was killed (SIGKILL), often for lack of memory on the machine',
  139: 'the process crashed (segmentation fault)',
};
