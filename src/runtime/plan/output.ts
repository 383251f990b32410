import { assertNever } from '../../core/index.ts';
import type { ContainerSpec } from '../types.ts';

/** How the launcher carries the output; see the operation `clone`. */
export function outputOf({ stdio }: Pick<ContainerSpec, 'stdio'>): 'relayed' | 'pipes' | 'terminal' {
  switch (stdio) {
    case 'inherit':
      return 'relayed';
    case 'pipe':
      return 'pipes';
    case 'terminal':
      return 'terminal';
    default:
      return assertNever(stdio);
  }
}
