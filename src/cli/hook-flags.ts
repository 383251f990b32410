import type { Command } from 'commander';

import type { HookChoices } from '../ops/index.ts';
import { collect } from './command.ts';

export interface HookFlags {
  readonly hooksDir?: readonly string[];
  readonly cdiHooks?: boolean;
}

/** No folder is read unless it is named: hooks are programs that run on this machine, with the rights of who says so. */
export function addHookOptions(command: Command): Command {
  return command
    .option(
      '--hooks-dir <folder>',
      'programs of this machine to run on its way, as oci-hooks(5) describes them; repeatable',
      collect,
    )
    .option('--cdi-hooks', 'run the hooks that the CDI specs of its devices ask for, on this machine');
}

/** Throws USAGE for files that are not understood. */
export async function hooksOf({ hooksDir = [], cdiHooks = false }: HookFlags): Promise<HookChoices> {
  if (hooksDir.length === 0) return { files: [], cdi: cdiHooks };
  const { readHookFolders } = await import('../runtime/index.ts');
  return { files: await readHookFolders(hooksDir), cdi: cdiHooks };
}
