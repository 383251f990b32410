import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { TsbuildError } from '../../core/index.ts';
import type { HookStage } from '../../oci/runtime-spec.ts';
import { makeScratchFolder } from '../../sys/index.ts';
import { printConfig } from '../config.ts';
import type { ContainerSpec } from '../types.ts';
import { hookError } from './failure.ts';
import { hasHooks } from './merge.ts';
import { runHook } from './run-hook.ts';
import { stateOf, type HookState } from './state.ts';

/** The hooks of one container that run on the host. Disposing removes the folder that stands for its bundle. */
export interface HostHooks extends Disposable {
  readonly bundle: string;
  /** prestart and createRuntime, when it is set up. Throws RUNTIME_SETUP for the first that fails. */
  beforeStart(pid: number): Promise<void>;
  /** poststart; gives what failed. */
  afterStart(pid: number): Promise<readonly string[]>;
  /** poststop, the same. */
  afterEnd(): Promise<readonly string[]>;
}

/** Variables may be secrets, which are for memory only: a tmpfs of the host, never a disk (S-62). */
const memory = '/dev/shm';

/** Undefined for a container without hooks. `rootPath`: where its root is mounted in its own mount namespace. */
export function openHostHooks(
  spec: ContainerSpec,
  options: { readonly rootPath: string; readonly signal?: AbortSignal | undefined },
): HostHooks | undefined {
  const { hooks } = spec.config;
  if (!hasHooks(hooks)) return undefined;
  const { rootPath, signal } = options;
  const bundle = makeScratchFolder(memory);
  // Hooks look into it for what their container is made of (runtime-spec bundle.md).
  const config = { ...spec.config, root: { ...spec.config.root, path: rootPath } };
  writeFileSync(join(bundle.path, 'config.json'), `${printConfig(config)}\n`, { mode: 0o600 });
  const runStage = async (
    stage: HookStage,
    { status, pid }: Moment,
    failed: (error: TsbuildError) => void,
  ) => {
    const state = stateOf(spec, { status, pid, bundle: bundle.path });
    for (const hook of hooks?.[stage] ?? []) {
      const how = await runHook(hook, {
        state,
        cwd: bundle.path,
        // What cleans up does so also after an interrupt.
        signal: stage === 'poststop' ? undefined : signal,
      });
      if (how !== undefined) failed(hookError(stage, hook, how));
    }
  };
  const warningsOf = async (stage: HookStage, moment: Moment): Promise<readonly string[]> => {
    const warnings: string[] = [];
    await runStage(stage, moment, ({ message }) => warnings.push(message));
    return warnings;
  };
  return {
    bundle: bundle.path,
    async beforeStart(pid) {
      for (const stage of ['prestart', 'createRuntime'] as const)
        await runStage(stage, { status: 'creating', pid }, (error) => {
          throw error;
        });
    },
    afterStart: (pid) => warningsOf('poststart', { status: 'running', pid }),
    afterEnd: () => warningsOf('poststop', { status: 'stopped' }),
    [Symbol.dispose]: () => bundle[Symbol.dispose](),
  };
}

interface Moment extends Pick<HookState, 'status'> {
  readonly pid?: number | undefined;
}
