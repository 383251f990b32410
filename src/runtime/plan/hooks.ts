import type { HookConfig } from '../../oci/runtime-spec.ts';
import { stateParts } from '../hooks/state.ts';
import type { ContainerSpec } from '../types.ts';
import type { HostFacts } from './host.ts';
import type { SetupOp } from './ops.ts';

/** When everything is mounted and the root not switched yet: the builder's own hooks, then those of the container's namespaces. */
export function planHooks(spec: ContainerSpec, { bundle = '' }: HostFacts): SetupOp[] {
  const { prestart = [], createRuntime = [], createContainer = [] } = spec.config.hooks ?? {};
  const state = stateParts(spec, { status: 'creating', bundle });
  return [
    ...(prestart.length + createRuntime.length > 0 ? [{ kind: 'hook-point' } as const] : []),
    ...createContainer.map((hook: HookConfig): SetupOp => ({ kind: 'hook', hook, state })),
  ];
}

export function planStartHooks(spec: ContainerSpec, { bundle = '' }: HostFacts): SetupOp[] {
  const { startContainer = [] } = spec.config.hooks ?? {};
  const state = stateParts(spec, { status: 'created', bundle });
  return startContainer.map((hook: HookConfig): SetupOp => ({ kind: 'start-hook', hook, state }));
}
