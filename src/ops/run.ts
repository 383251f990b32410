import { TsbuildError } from '../core/index.ts';
import type { RunStep } from '../graph/index.ts';
import {
  deviceEdits,
  exitCodeOf,
  killedForMemory,
  memoryLimitText,
  runContainer,
  type ContainerSpec,
  type RunResult,
  type Runtime,
} from '../runtime/index.ts';
import type { CacheMap, Op, RunContext } from '../solver/index.ts';
import { requireEmulator } from './emulation.ts';
import { SecretMask } from './mask.ts';
import { keyInputs, keyParts } from './run/key.ts';
import { runMounts } from './run/mounts.ts';
import { ProxyTrouble } from './run/proxy-trouble.ts';
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

  prepare(): void {
    this.#services.networks.expect(this.#step.network);
    this.#services.runtime.expect();
  }

  async exec(inputs: readonly State[], context: RunContext): Promise<State> {
    const [parent] = inputs;
    if (parent === undefined) throw new Error('RUN has no root to run in');
    await requireEmulator(this.#services.store, this.#step);
    await using active = await this.#services.snapshotter.prepare(parent.snapshot);
    await using mounts = await runMounts(this.#step, { services: this.#services, inputs, context });
    const { given } = this.#services;
    const asked = this.#step.given === undefined ? [] : (given?.security.cdiDevices ?? []);
    const requests = [...this.#step.devices, ...asked.map((name) => ({ name, required: true }))];
    const devices = await deviceEdits(requests, undefined, { hooksAllowed: given?.hooks.cdi });
    for (const name of devices.missing) {
      context.warn(`the device ${name} is not registered on this machine: the step runs without it`);
    }
    const ended = await this.#runConnected({ parent, active, mounts, devices }, context);
    for (const warning of ended.warnings) context.warn(warning);
    context.used(ended.usage);
    if (!endedWell(ended)) await ended.gone;
    failUnlessZero(this.#step, ended, ended.hint);
    // A shell goes on when what it called was killed, and what it leaves may be half of what was meant.
    const killed = killedForMemory(ended.usage);
    if (killed !== undefined) context.warn(`${JSON.stringify(this.#step.display)} ended well, but ${killed}`);
    return await commitState(this.#services, parent, active, { meanwhile: ended.gone });
  }

  async #runConnected(
    parts: Pick<Parameters<typeof runSpec>[0], 'parent' | 'active' | 'mounts' | 'devices'>,
    context: RunContext,
  ): Promise<Ended & { readonly hint: string | undefined }> {
    const step = this.#step;
    using connection = await this.#services.networks.connect(step.network, {
      reusable: step.security !== 'insecure',
      warn: (message) => context.warn(message),
    });
    const spec = await runSpec({ ...parts, step, services: this.#services, connection });
    const proxy = new ProxyTrouble(typeof connection.network === 'object' ? spec.config.process.env : []);
    const ended = await this.#run(spec, masked(proxy.heardIn(context), parts.mounts.secrets));
    return { ...ended, hint: proxy.hint };
  }

  async #run(spec: Parameters<typeof runContainer>[1], output: MaskedOutput): Promise<Ended> {
    try {
      const { runtime, store } = this.#services;
      using _staged = await staged(runtime, spec, store.root);
      let gone: Promise<void> | undefined;
      const result = await runContainer(runtime, spec, {
        signal: output.signal,
        onStdout: (data) => output.log('stdout', data),
        onStderr: (data) => output.log('stderr', data),
        warn: (message) => output.warn(message),
        aside: (ending) => {
          gone = ending;
          ending.catch(() => undefined); // heard by whoever awaits it later
        },
      });
      return { ...result, gone };
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

/** Without mounts of its own a container has in its tree what it would mount, and the step's changes are looked at after. */
async function staged(runtime: Runtime, spec: ContainerSpec, own: string): Promise<Disposable | undefined> {
  if (runtime.isolation === 'namespaces') return undefined;
  const { stageMounts } = await import('./run/staged/mounts.ts');
  return stageMounts(spec, own);
}

/** `gone`: when its launcher and cgroups are. */
type Ended = RunResult & { readonly gone: Promise<void> | undefined };

interface MaskedOutput {
  readonly signal: AbortSignal;
  /** Passes on, without secrets, what has come of a stream; without a chunk, its rest. */
  log(stream: 'stdout' | 'stderr', chunk?: Uint8Array): void;
  warn(message: string): void;
}

function masked(context: RunContext, secrets: readonly Uint8Array[]): MaskedOutput {
  const masks = { stdout: new SecretMask(secrets), stderr: new SecretMask(secrets) };
  return {
    signal: context.signal,
    warn: (message) => context.warn(message),
    log(stream, chunk) {
      const shown = chunk === undefined ? masks[stream].end() : masks[stream].push(chunk);
      if (shown.length > 0) context.log(stream, shown);
    },
  };
}

function failUnlessZero(step: RunStep, { status, usage }: RunResult, hint: string | undefined): void {
  if (endedWell({ status })) return;
  const code = exitCodeOf(status);
  const outOfMemory = (usage.oomKills ?? 0) > 0;
  const reason = outOfMemory
    ? ` (out of memory: ${memoryLimitText(usage)})`
    : status.kind === 'signaled'
      ? ` (killed by signal ${status.signal})`
      : '';
  throw new TsbuildError(
    'RUN_FAILED',
    `process ${JSON.stringify(step.display)} did not complete successfully: exit code: ${code}${reason}`,
    {
      hint: outOfMemory
        ? 'the step needs more memory than its limit: raise -m/--memory'
        : (hint ?? hints[code]),
    },
  );
}

function endedWell({ status }: Pick<RunResult, 'status'>): boolean {
  return status.kind === 'exited' && status.code === 0;
}

const hints: Readonly<Record<number, string>> = {
  126: 'a file was found but cannot be executed: check its mode, its #! line and its architecture',
  127: 'a command was not found: check its spelling, or install it in an earlier step',
  137: 'the process was killed (SIGKILL), often for lack of memory on the machine',
  139: 'the process crashed (segmentation fault)',
};
