import type { HooksConfig } from '../../oci/index.ts';
import { matchHooks, mergeHooks, type HookFile } from '../../runtime/index.ts';
import type { MountRequest } from '../volumes/index.ts';

/** Which programs of the host may run on the way of a container. */
export interface HookChoices {
  readonly files: readonly HookFile[];
  /** Those that the CDI specs of its devices ask for. */
  readonly cdi: boolean;
}

/** Those of the files that are for the container, and then those of its devices. */
export function hooksFor(
  choices: HookChoices | undefined,
  container: {
    readonly args: readonly string[];
    readonly annotations?: Readonly<Record<string, string>> | undefined;
    readonly mounts: readonly MountRequest[];
    readonly ofDevices: HooksConfig;
  },
): HooksConfig {
  const { args, annotations, mounts, ofDevices } = container;
  const hasBindMounts = mounts.some(({ kind }) => kind === 'bind');
  return mergeHooks([matchHooks(choices?.files ?? [], { args, annotations, hasBindMounts }), ofDevices]);
}
