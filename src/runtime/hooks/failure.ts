import { TsbuildError } from '../../core/index.ts';
import type { HookConfig, HookStage } from '../../oci/runtime-spec.ts';

/** `how`: `ended with 3`, and what it printed after a colon. */
export function hookError(stage: HookStage, { path }: HookConfig, how: string): TsbuildError {
  return new TsbuildError('RUNTIME_SETUP', `the ${stage} hook ${path} ${how.trim()}`, {
    hint: 'hooks are programs of this machine that --hooks-dir or a CDI spec names: run it by hand to see more',
  });
}
