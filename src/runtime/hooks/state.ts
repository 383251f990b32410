import type { ContainerSpec } from '../types.ts';

export interface HookState {
  readonly status: 'creating' | 'created' | 'running' | 'stopped';
  readonly bundle: string;
}

/** Of one that has ended there is no process id. */
export function stateOf(
  spec: Pick<ContainerSpec, 'id' | 'config'>,
  { pid, ...state }: HookState & { readonly pid?: number | undefined },
): string {
  const [before, after] = stateParts(spec, state);
  return pid === undefined ? before.slice(0, -',"pid":'.length) + after : `${before}${pid}${after}`;
}

/** The state that a hook reads (runtime-spec runtime.md, "State"): what is before the process id, and what is after it. */
export function stateParts(
  { id, config }: Pick<ContainerSpec, 'id' | 'config'>,
  { status, bundle }: HookState,
): readonly [before: string, after: string] {
  const { ociVersion, annotations } = config;
  const before = JSON.stringify({ ociVersion, id, status });
  const after = JSON.stringify({ bundle, ...(annotations !== undefined && { annotations }) });
  return [`${before.slice(0, -1)},"pid":`, `,${after.slice(1)}`];
}
