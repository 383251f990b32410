import { readFileSync } from 'node:fs';

import { capabilitiesOfMask } from './plan/numbers.ts';

/** `CAP_…` that this process may give to others. */
export function ownCapabilities(): readonly string[] {
  const mask = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return capabilitiesOfMask(BigInt(`0x${mask}`));
}
