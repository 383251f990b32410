import { readFileSync } from 'node:fs';

/** Without any swap a limit of it is held already, and kernels without swap accounting lack the file. */
export function hostHasSwap(): boolean {
  try {
    return readFileSync('/proc/swaps', 'latin1').trim().split('\n').length > 1;
  } catch {
    return true;
  }
}
